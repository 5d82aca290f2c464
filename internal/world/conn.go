package world

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// conn is a connection over a Link. While the link is frozen, writes wait before the wire and reads wait
// after it: what the other side sent meanwhile isn't lost.
type conn struct {
	net.Conn
	link   *Link
	addr   string
	closed chan struct{}
	once   sync.Once // of closed

	mu       sync.Mutex // guards the fields below
	deadline time.Time
	asked    Frame // the last request to Kafka, without its body, until its answer comes
	askedAt  time.Time
}

func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	return c.Conn.SetDeadline(t)
}

// expired is closed at the connection's deadline; nil if it has none.
func (c *conn) expired() (<-chan struct{}, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.IsZero() {
		return nil, func() {}
	}
	ctx, cancel := context.WithDeadline(context.Background(), c.deadline)
	return ctx.Done(), cancel
}

// hold waits for whatever holds the link up that way.
func (c *conn) hold(w Way) error {
	if c.link.sound(w) {
		return nil
	}
	done, cancel := c.expired()
	defer cancel()
	if err := c.link.linger(w, done, c.closed); err != nil {
		return err
	}
	return c.link.pass(w, done, c.closed)
}

// sound says that nothing holds the link up that way: the common case, without a timer.
func (l *Link) sound(w Way) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.cut && l.thaw[w] == nil && l.delay[w] == 0 && l.shaky.IsZero()
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		return n, err
	}
	if err := c.hold(In); err != nil {
		return 0, err
	}
	part, cut := c.link.wound(In)
	if !cut {
		c.heard(p[:n])
		return n, nil
	}
	_ = c.Conn.Close()
	switch part {
	case Before:
		return 0, io.ErrUnexpectedEOF
	case Within:
		return (n + 1) / 2, nil
	}
	c.heard(p[:n])
	return n, nil
}

func (c *conn) Write(p []byte) (int, error) {
	if c.link.writes != nil {
		c.link.writes()
	}
	if err := c.hold(Out); err != nil {
		return 0, err
	}
	if f, ok := frame(p); ok {
		if c.link.tap != nil {
			c.link.tap(f)
		}
		c.mu.Lock()
		c.asked, c.askedAt = Frame{Key: f.Key, version: f.version}, time.Now()
		c.mu.Unlock()
		if d, late := c.link.delayed(f.Key); late {
			go c.link.deliver(c.addr, append([]byte(nil), p...), d)
			return len(p), nil
		}
	}
	part, cut := c.link.wound(Out)
	if !cut {
		return c.Conn.Write(p)
	}
	defer func() { _ = c.Conn.Close() }()
	switch part {
	case Before:
		return 0, io.ErrClosedPipe
	case Within:
		n, _ := c.Conn.Write(p[:len(p)/2])
		return n, io.ErrClosedPipe
	}
	return c.Conn.Write(p)
}

// heard tells of the first bytes of an answer.
func (c *conn) heard(p []byte) {
	if c.link.answers == nil {
		return
	}
	c.mu.Lock()
	f, at := c.asked, c.askedAt
	c.askedAt = time.Time{}
	c.mu.Unlock()
	if !at.IsZero() {
		f.body = p
		c.link.answers(f, at)
	}
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

// deliver is the network that has kept a request for d.
func (l *Link) deliver(addr string, request []byte, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	if awaitTimer(timer.C, nil, l.world) != nil {
		return
	}
	c, err := l.dial(context.Background(), "tcp", addr)
	if err != nil {
		return // the other side has gone meanwhile
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(request); err == nil {
		_, _ = c.Read(make([]byte, 1<<10))
	}
}

func await(held, done, closed <-chan struct{}) error {
	select {
	case <-held:
		return nil
	case <-done:
		return os.ErrDeadlineExceeded
	case <-closed:
		return net.ErrClosed
	}
}

func awaitTimer(over <-chan time.Time, done, closed <-chan struct{}) error {
	select {
	case <-over:
		return nil
	case <-done:
		return os.ErrDeadlineExceeded
	case <-closed:
		return net.ErrClosed
	}
}
