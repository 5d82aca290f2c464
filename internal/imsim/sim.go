// Package imsim simulates the API's chatroom/batchSendMsg.action: an http.Handler that checks every call
// against the API's page, keeps what each room was shown, and misbehaves where it is told to.
//
// It promises that a call which it accepts keeps every limit of the page; that a message counts as shown
// exactly if a room was shown it, whatever became of the answer; that every fault is decided by the seed,
// the rule, the room and the message or the room's count of calls, so that a run can be repeated; and that
// without faults nothing but the state of a room is locked on the way of a call. It works over real
// connections and in a testing/synctest bubble alike.
//
// It doesn't know what the page is silent about: what a repeated msgId gets, and whether the API remembers
// those sent with resendFlag 0, are settings. It doesn't fan messages out to receivers, so it drops none
// for them. It keeps all that it was sent (see Keep), so its memory isn't bounded.
package imsim

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Action is the path of the call that is simulated.
const Action = "/nimserver/chatroom/batchSendMsg.action"

// Keep says what is remembered of messages that were shown. Whether a msgId was shown is always kept.
type Keep uint8

// What of a message is kept.
const (
	KeepAll     Keep = iota // everything
	KeepIDs                 // all but attach and ext
	KeepNothing             // nothing: Messages is empty
)

// Config of a Sim. The zero value but for the key and the secret is a faultless API without a quota.
type Config struct {
	AppKey, AppSecret string

	// Rate is the quota in calls a fixed second; beyond it every call gets 416 for 10 s. 0: none.
	Rate    int
	Latency Latency // how long an answer takes; zero: no time
	Faults  *Faults // nil: none
	Seed    uint64  // of all chances

	// Forgetful shows a msgId again when it comes again with resendFlag 0: the page promises a check
	// only for 1. Otherwise such a message is in `fail`.
	Forgetful bool
	Keep      Keep

	// OnArrival, if not nil, is told of every call, as far as it can be read, before anything is decided about it.
	// It may be called from many goroutines at once.
	OnArrival func(Call)
	// OnCall, if not nil, is told of every call just before its answer (or the lack of one) goes out.
	// It may be called from many goroutines at once and must not keep the call waiting.
	OnCall func(Call)
}

// Sim is the simulated API. It is safe for concurrent use.
type Sim struct {
	cfg    Config
	numb   numbers
	quota  quota
	rooms  rooms
	plan   atomic.Pointer[plan] // nil: no faults
	admin  http.Handler
	calls  sync.Pool // of *call
	closed chan struct{}
	close  func()
}

// New makes a Sim. It panics if the faults can't be kept (see Faults.Check).
func New(cfg Config) *Sim {
	s := &Sim{cfg: cfg, closed: make(chan struct{})}
	s.close = sync.OnceFunc(func() { close(s.closed) })
	s.calls.New = func() any { return new(call) }
	s.admin = s.routes()
	s.Reset()
	s.SetFaults(cfg.Faults)
	return s
}

// SetFaults takes the place of all faults so far; nil: no faults. The times of rules are counted from now.
// It panics if the faults can't be kept (see Faults.Check): a rule that never holds would prove nothing.
func (s *Sim) SetFaults(f *Faults) {
	if f == nil {
		s.plan.Store(nil)
		return
	}
	if err := f.Check(); err != nil {
		panic("imsim: " + err.Error())
	}
	s.plan.Store(arm(f, s.cfg.Seed, time.Now()))
}

// Reset forgets all messages, numbers and the quota's penalty. Faults stay and begin anew.
func (s *Sim) Reset() {
	s.rooms.reset()
	s.numb.reset(time.Now())
	s.quota.reset()
	if p := s.plan.Load(); p != nil {
		s.plan.Store(arm(p.faults, s.cfg.Seed, time.Now()))
	}
}

// Close ends every wait: calls that are held by latency or a fault are answered or cut at once. Messages
// that a rule would have taken late are not taken.
func (s *Sim) Close() { s.close() }

// Server is an http.Server around s with settings that suit it. Its answers may take as long as the faults
// say, so it has no time-out for writing.
func (s *Sim) Server() *http.Server {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute, // longer than the 90 s of Go's clients, so that they close first
		MaxHeaderBytes:    16 << 10,
	}
	server.RegisterOnShutdown(s.Close)
	return server
}

// Listen opens addr and serves s there until the returned server is closed or shut down. The error of
// serving, never http.ErrServerClosed, is sent to failed if that isn't nil.
func (s *Sim) Listen(addr string, failed chan<- error) (*http.Server, net.Addr, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	server := s.Server()
	go func() {
		if err := server.Serve(listener); err != http.ErrServerClosed && failed != nil {
			failed <- err
		}
	}()
	return server, listener.Addr(), nil
}

// ServeHTTP answers the API's call, and those under /sim/ that look at and steer the simulator.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != Action {
		s.admin.ServeHTTP(w, r)
		return
	}
	c := s.calls.Get().(*call)
	defer s.put(c) // deferred since a cut connection is a panic
	s.serve(w, r, c)
}
