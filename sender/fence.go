package sender

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// fence is the last look before bytes of one call leave the process. Between the wiring's check and the wire
// lie goroutines that must get their turn and often a dial, and a process may be stopped anywhere there: it
// wakes up with the call in its hands, when others have long sent the same messages.
//
//	A checks its lease, and is stopped before it has written the call.
//	B takes the partition over, waits for the request time-out, and sends the messages with resendFlag 1.
//	A wakes up: its timers are due, but the write goes first, with resendFlag 0. The message is shown twice.
//
// With the fence only a process that is stopped within the write itself does so: the check is a microsecond
// before it, and below TLS, so that neither handshake nor encryption comes between.
type fence struct {
	may       func() bool
	began     time.Time
	connected atomic.Bool  // the newest connection was got
	wrote     atomic.Int64 // from began until something was last written; writing; 0: nothing was
	refused   atomic.Bool
}

// writing stands in fence.wrote while somebody writes.
const writing = -1

var errWithheld = errors.New("not sent: on the way to the wire the lease ran out, or the partition was lost")

// trace tells the fence of connections. net/http asks for another one only when nothing was written to the
// first, so the newest counts: got, found dead, and then no other got is not delivered either.
func (f *fence) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { f.connected.Store(false) },
		GotConn: func(got httptrace.GotConnInfo) {
			f.connected.Store(true)
			f.guard(got.Conn)
		},
	})
}

// guard puts the fence before a connection, which serves one call at a time.
func (f *fence) guard(c net.Conn) {
	for {
		switch x := c.(type) {
		case *fenced:
			x.fence.Store(f)
			return
		case interface{ NetConn() net.Conn }: // TLS, of the API or of a proxy
			c = x.NetConn()
		default:
			return
		}
	}
}

// kind says what an attempt without an answer came to. Without a connection nobody has seen a byte of the
// call, and nobody has if the fence held the first one back.
func (f *fence) kind() Kind {
	switch {
	case f.refused.Load() && f.wrote.Load() == 0:
		return Withheld
	case !f.connected.Load():
		return NotDelivered
	}
	return NoAnswer
}

// written is when something of the call was last written; zero: nothing was.
func (f *fence) written() time.Time {
	switch d := f.wrote.Load(); d {
	case 0:
		return time.Time{}
	case writing:
		return time.Now()
	default:
		return f.began.Add(time.Duration(d))
	}
}

// fenced is a connection to the API. What is written before it has served a call is the handshake's.
type fenced struct {
	net.Conn
	fence atomic.Pointer[fence]
}

func (c *fenced) Write(p []byte) (int, error) {
	f := c.fence.Load()
	if f == nil {
		return c.Conn.Write(p)
	}
	if !f.may() {
		f.refused.Store(true)
		return 0, errWithheld
	}
	f.wrote.Store(writing)
	n, err := c.Conn.Write(p)
	f.wrote.Store(max(1, int64(time.Since(f.began))))
	return n, err
}

// fencedDial dials connections that a fence can stand before.
func fencedDial(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &fenced{Conn: c}, nil
	}
}
