package login

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// retryAfter is the pause after a renewal that failed while the session of before goes on.
const retryAfter = time.Second

// conn is a connection that renews itself: under it one session takes the place of another.
type conn struct {
	d             *Dialer
	network, addr string
	ctx           context.Context // of renewals; ends with Close
	cancel        context.CancelFunc

	// Of the one goroutine that writes and reads.
	requests int          // begun
	between  bool         // no request is under way: what is written next begins one
	next     chan renewal // brings the session that is being made; nil: none is
	notUntil time.Time    // no renewal begins before

	mu       sync.Mutex // of the fields below
	at       *session
	deadline time.Time
	closed   bool
}

// renewal is how the making of another session ended.
type renewal struct {
	session *session
	err     error
}

func newConn(d *Dialer, network, addr string, s *session) *conn {
	c := &conn{d: d, network: network, addr: addr, at: s, between: true}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Write sends a part of a request. Before the first part, the session may be renewed; if that fails, and only then,
// the error says that nothing was sent.
func (c *conn) Write(b []byte) (int, error) {
	if c.between {
		if err := c.renew(); err != nil {
			return 0, err
		}
		c.between = false
		c.requests++
	}
	return c.session().Write(b)
}

// Read receives a part of an answer.
func (c *conn) Read(b []byte) (int, error) {
	s := c.session()
	n, err := s.Read(b)
	if n > 0 {
		c.between = true
	}
	// The Transport's first request is for versions, which a listener answers that wants a login, too. Then it closes
	// the connection, whatever it is asked.
	const second = 2
	if n == 0 && err != nil && c.requests <= second && closed(err) {
		if advice := s.adviceAtFirst(err); advice != "" {
			err = &Error{Addr: c.addr, Step: stepAnswer, Err: errClosed, Advice: advice}
		}
	}
	return n, err
}

// renew lets another session take this one's place when it is due. While this one lasts, the other one is
// made beside it and nobody waits.
func (c *conn) renew() error {
	s, now := c.session(), time.Now()
	over := s.over(now)
	due := over || !s.due.IsZero() && !now.Before(s.due) || s.version != c.d.cfg.Version()
	switch {
	case c.next == nil && !due, c.next == nil && !over && now.Before(c.notUntil):
		return nil
	case c.next == nil:
		c.begin()
		if over {
			return c.await(true)
		}
	case over:
		return c.await(false)
	}
	select {
	case r := <-c.next:
		c.next = nil
		if r.err == nil {
			return c.take(r.session)
		}
		c.notUntil = now.Add(retryAfter)
		c.d.rarely.Warn().Err(r.err).Time("session-ends", s.end).Msg("connection not renewed yet, the one of before goes on")
		return nil //nolint:nilerr // nobody needs it yet
	default:
		return nil
	}
}

// await waits for the session that is being made, and if it was begun long ago makes another one when it is no good.
func (c *conn) await(fresh bool) error {
	for {
		r, err := c.outcome()
		if err != nil {
			return err
		}
		switch {
		case r.err == nil && !r.session.over(time.Now()):
			return c.take(r.session)
		case r.err == nil:
			r.session.Close() // it has waited for too long itself
		case fresh:
			return r.err
		}
		c.begin()
		fresh = true
	}
}

func (c *conn) outcome() (renewal, error) {
	c.mu.Lock()
	deadline := c.deadline
	c.mu.Unlock()
	var late <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case r := <-c.next:
		c.next = nil
		return r, nil
	case <-late:
		return renewal{}, &Error{Addr: c.addr, Step: "renewing the connection", Err: os.ErrDeadlineExceeded}
	case <-c.ctx.Done():
		return renewal{}, net.ErrClosed
	}
}

// begin makes another session in the background.
func (c *conn) begin() {
	next := make(chan renewal, 1)
	c.next = next
	go func() {
		s, err := c.d.open(c.ctx, c.network, c.addr)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.closed && err == nil {
			s.Close()
			return
		}
		next <- renewal{s, err}
	}()
}

// take puts a session in the place of the one of before.
func (c *conn) take(s *session) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		s.Close()
		return net.ErrClosed
	}
	c.at.Close()
	c.at = s
	return s.SetDeadline(c.deadline)
}

func (c *conn) session() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Close ends the session, and one that is being made.
func (c *conn) Close() error {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.next != nil {
		select {
		case r := <-c.next:
			if r.err == nil {
				r.session.Close()
			}
		default:
		}
	}
	return c.at.Close()
}

func (c *conn) LocalAddr() net.Addr  { return c.session().LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.session().RemoteAddr() }

func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.at.SetDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error  { return c.session().SetReadDeadline(t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.session().SetWriteDeadline(t) }
