package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// wire is all connections of one worker to one side. Cut, it is what kill -9 leaves: nothing that the
// worker does from then on reaches anybody.
type wire struct {
	refused *atomic.Bool // new connections are refused while it is true; nil: never

	mu    sync.Mutex // guards the fields below
	cut   bool
	conns map[*conn]struct{}
}

var errCut = errors.New("the worker was killed")

func newWire(refused *atomic.Bool) *wire {
	return &wire{refused: refused, conns: map[*conn]struct{}{}}
}

// Dial connects, unless the wire is cut.
func (w *wire) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if w.refused != nil && w.refused.Load() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	x := &conn{Conn: c, wire: w}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		_ = c.Close()
		return nil, errCut
	}
	w.conns[x] = struct{}{}
	return x, nil
}

// Cut ends every connection for ever.
func (w *wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.conns {
		_ = c.Conn.Close()
	}
	clear(w.conns)
}

type conn struct {
	net.Conn
	wire *wire
}

func (c *conn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}
