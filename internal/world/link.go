package world

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Link is one worker's way to everything: it can be cut for good, or frozen and thawed.
type Link struct {
	dial func(context.Context, string, string) (net.Conn, error)

	mu    sync.Mutex // guards the fields below
	cut   bool
	thaw  chan struct{} // not nil while frozen
	conns map[*conn]struct{}
}

var errCut = errors.New("the link is cut")

func newLink(dial func(context.Context, string, string) (net.Conn, error)) *Link {
	return &Link{dial: dial, conns: map[*conn]struct{}{}}
}

// Dial connects through the link.
func (l *Link) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := l.pass(ctx.Done(), nil); err != nil {
		return nil, err
	}
	c, err := l.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		_ = c.Close()
		return nil, errCut
	}
	x := &conn{Conn: c, link: l, closed: make(chan struct{})}
	l.conns[x] = struct{}{}
	return x, nil
}

// Cut ends every connection and refuses new ones, for ever.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	l.release()
	l.drop()
}

// Reset ends every connection; new ones may be made.
func (l *Link) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop()
}

func (l *Link) drop() {
	for c := range l.conns {
		_ = c.Conn.Close()
	}
	clear(l.conns)
}

// Freeze holds every read, write and dial until Thaw, but for what their deadlines end.
func (l *Link) Freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.thaw == nil && !l.cut {
		l.thaw = make(chan struct{})
	}
}

// Thaw lets what was held go on.
func (l *Link) Thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release()
}

func (l *Link) release() {
	if l.thaw != nil {
		close(l.thaw)
		l.thaw = nil
	}
}

// pass waits while the link is frozen, but not beyond a deadline or the end of the connection.
func (l *Link) pass(done, closed <-chan struct{}) error {
	l.mu.Lock()
	thaw, cut := l.thaw, l.cut
	l.mu.Unlock()
	if cut {
		return errCut
	}
	if thaw == nil {
		return nil
	}
	select {
	case <-thaw:
		return l.pass(done, closed)
	case <-done:
		return os.ErrDeadlineExceeded
	case <-closed:
		return net.ErrClosed
	}
}

// conn is a connection over a Link. While the link is frozen, writes wait before the wire and reads wait
// after it: what the other side sent meanwhile isn't lost.
type conn struct {
	net.Conn
	link   *Link
	closed chan struct{}
	once   sync.Once // of closed

	mu       sync.Mutex // guards deadline
	deadline time.Time
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

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		return n, err
	}
	done, cancel := c.expired()
	defer cancel()
	if err := c.link.pass(done, c.closed); err != nil {
		return 0, err
	}
	return n, nil
}

func (c *conn) Write(p []byte) (int, error) {
	done, cancel := c.expired()
	defer cancel()
	if err := c.link.pass(done, c.closed); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}
