package consumer

import (
	"context"
	"errors"
	"net"
	"sync"
)

// link is a worker's way to the broker.
type link struct {
	dial func(context.Context, string, string) (net.Conn, error)

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

var errLinkCut = errors.New("link cut")

func (l *link) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	l.mu.Lock()
	cut := l.cut
	l.mu.Unlock()
	if cut {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errLinkCut}
	}
	c, err := l.dial(ctx, network, addr)
	if err == nil {
		l.mu.Lock()
		l.conns = append(l.conns, c)
		l.mu.Unlock()
	}
	return c, err
}

// set cuts the link, or mends it; ends: connections that are there end.
func (l *link) set(cut, ends bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if ends {
		for _, c := range l.conns {
			c.Close()
		}
		l.conns = nil
	}
}
