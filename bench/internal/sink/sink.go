package sink

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config of a Sink.
type Config struct {
	Latency  time.Duration `json:"latency"`  // from a call's arrival to its answer
	BusyRoom int64         `json:"busyRoom"` // calls of this room are answered 503; 0: none
	Refuse   bool          `json:"refuse"`   // every message is refused
}

// Sink answers calls on a listener.
type Sink struct {
	cfg      Config
	settled  atomic.Int64 // messages taken or refused, repeated ones each time
	mu       sync.Mutex   // of the fields below
	visitors []*visitor
}

// visitor is a connection. Its fields are its goroutine's; the notes alone are under mu.
type visitor struct {
	sink *Sink
	conn net.Conn
	in   request
	call call
	text []byte // of the answer
	out  []byte // the answer with its head

	mu    sync.Mutex
	notes notes
}

// New returns a Sink.
func New(cfg Config) *Sink { return &Sink{cfg: cfg} }

// Serve answers until the listener is closed.
func (s *Sink) Serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accepting a connection: %w", err)
		}
		v := &visitor{sink: s, conn: conn}
		s.mu.Lock()
		s.visitors = append(s.visitors, v)
		s.mu.Unlock()
		go v.serve()
	}
}

// Settled is how many messages were taken or refused, repeated ones each time.
func (s *Sink) Settled() int64 { return s.settled.Load() }

// WriteNotes hands out the calls that came so far. Calls that come meanwhile may or may not be among them.
func (s *Sink) WriteNotes(w io.Writer) error {
	s.mu.Lock()
	all := s.visitors
	s.mu.Unlock()
	for _, v := range all {
		v.mu.Lock()
		_, err := w.Write(v.notes)
		v.mu.Unlock()
		if err != nil {
			return fmt.Errorf("writing the notes of calls: %w", err)
		}
	}
	return nil
}

// serve answers one call after another until the client goes away or sends what is no request.
func (v *visitor) serve() {
	defer v.conn.Close()
	for {
		at, body, err := v.in.read(v.conn)
		if err != nil {
			return
		}
		outcome := v.judge(body)
		v.mu.Lock()
		v.notes.add(at, outcome, &v.call)
		v.mu.Unlock()
		if d := v.sink.cfg.Latency; d > 0 {
			time.Sleep(d - time.Since(at))
		}
		v.text = v.call.answer(v.text[:0], outcome, at)
		v.out = append(appendHead(v.out[:0], len(v.text)), v.text...)
		if outcome == Taken || outcome == Refused {
			v.sink.settled.Add(int64(len(v.call.messages)))
		}
		if _, err := v.conn.Write(v.out); err != nil {
			return
		}
	}
}

func (v *visitor) judge(body []byte) Outcome {
	switch err := v.call.read(body); {
	case err != nil:
		v.call.messages = v.call.messages[:0]
		return Unreadable
	case v.call.room == v.sink.cfg.BusyRoom:
		return Busy
	case v.sink.cfg.Refuse:
		return Refused
	}
	return Taken
}
