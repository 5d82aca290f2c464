// Package login opens connections to Kafka's brokers, encrypted and logged in, and renews them in time.
//
// It promises that a connection is made with what TLS and credential are at that moment; that no request begins on a
// connection whose session the broker is about to end (KIP-368): another connection takes its place, between
// two requests, unnoticed by who uses it; that a request which has begun is never cut by that, however long it takes; that a
// renewal which fails costs nothing while the session lasts; and that an error says at which broker which step failed,
// and what to do about it.
//
// It doesn't retry, but for the credential that was accepted before: while a password is being changed at
// both ends, one of the two holds. It knows nothing of requests but that they don't overlap on one connection, as
// kafka-go's Transport sends them.
package login

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/sasl"
)

// Credential is what a connection logs in with.
type Credential struct {
	Mechanism sasl.Mechanism
	Version   uint64    // differs from that of every other credential of the Dialer
	Expires   time.Time // zero: not known
}

// Config of a Dialer. Everything is optional.
type Config struct {
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network
	ClientID string
	// Timeout bounds the making of a connection, until it is logged in. Default 3 s.
	Timeout time.Duration
	// TLS is asked for each connection. Without a ServerName it is the broker's host that counts. nil: no TLS.
	TLS func() *tls.Config
	// SASL is asked for each connection. Its error is why nobody can log in now. nil: no login.
	SASL func() (Credential, error)
	// Version changes when TLS or SASL answers something else than before. nil: never.
	Version func() uint64
	Log     zerolog.Logger
}

const (
	// defaultTimeout: the requests that must be answered soonest, heartbeats, give up after a third of the session.
	defaultTimeout = 3 * time.Second
	// oldest is when a connection is renewed whose session has no end: a user who was taken away, or a certificate
	// that is no longer good, shouldn't work on for weeks. A renewal costs some ten milliseconds.
	oldest = 10 * time.Minute
	// leastApart is the least time between the renewals of one connection before its session's end.
	leastApart = 5 * time.Second
)

// Dialer makes connections. It is safe for concurrent use.
type Dialer struct {
	cfg      Config
	accepted atomic.Pointer[Credential] // by a broker, most recently
	rarely   zerolog.Logger             // of what may repeat
}

// New makes a Dialer. It connects to nobody.
func New(cfg Config) *Dialer {
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Version == nil {
		cfg.Version = func() uint64 { return 0 }
	}
	return &Dialer{cfg: cfg, rarely: cfg.Log.Sample(&zerolog.BurstSampler{Burst: 3, Period: 30 * time.Second})}
}

// DialContext makes a connection that renews itself. Between a request's first byte and the last one of its answer,
// nothing else may be written to it. The error is an *Error.
func (d *Dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	s, err := d.open(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return newConn(d, network, addr, s), nil
}

// Ask sends one request to one broker, over a connection of its own.
func (d *Dialer) Ask(ctx context.Context, network, addr string, req protocol.Message) (protocol.Message, error) {
	s, err := d.open(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	_ = s.SetDeadline(time.Now().Add(d.cfg.Timeout)) // a connection that can't have one fails by itself
	answer, err := s.broker.RoundTrip(req)
	if err != nil {
		return nil, &Error{Addr: addr, Step: "asking", Err: err, Advice: s.adviceAtFirst(err)}
	}
	return answer, nil
}

// session is one connection as the network knows it, logged in.
type session struct {
	net.Conn
	secure  bool // TLS
	logged  bool // SASL
	broker  *protocol.Conn
	version uint64    // of the settings that it was made with
	due     time.Time // when it is to be renewed; zero: never
	end     time.Time // no request begins later; zero: there is no end
}

// open makes a session with the credential of now, or if that is refused with the one that was accepted before.
func (d *Dialer) open(ctx context.Context, network, addr string) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Timeout)
	defer cancel()
	version := d.cfg.Version()
	var with *Credential
	if d.cfg.SASL != nil {
		c, err := d.cfg.SASL()
		if err != nil {
			return nil, &Error{Addr: addr, Step: "logging in", Err: err}
		}
		with = &c
	}
	s, err := d.openWith(ctx, network, addr, with)
	if former := d.accepted.Load(); errors.Is(err, kafka.SASLAuthenticationFailed) && former != nil && former.Version != with.Version {
		if again, errAgain := d.openWith(ctx, network, addr, former); errAgain == nil {
			d.rarely.Warn().Err(err).Msg("the new credential is refused, and the one of before isn't: has the user been changed, too?")
			s, err = again, nil
		}
	} else if err == nil && with != nil {
		d.accepted.Store(with)
	}
	if err != nil {
		return nil, err
	}
	s.version = version
	return s, nil
}

func (d *Dialer) openWith(ctx context.Context, network, addr string, with *Credential) (_ *session, err error) {
	raw, err := d.cfg.Dial(ctx, network, addr)
	if err != nil {
		return nil, &Error{Addr: addr, Step: stepDial, Err: err}
	}
	s := &session{Conn: raw, logged: with != nil}
	defer func() {
		if err != nil {
			raw.Close()
		}
	}()
	// The end of ctx ends whatever is waited for below.
	cut := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if !cut() && err == nil {
			err = &Error{Addr: addr, Step: "logging in", Err: context.Cause(ctx)}
		}
	}()
	if d.cfg.TLS != nil {
		if err := s.encrypt(ctx, d.cfg.TLS(), addr); err != nil {
			return nil, &Error{Addr: addr, Step: "beginning TLS", Err: err, Advice: adviceOnTLS(err)}
		}
	}
	s.broker = protocol.NewConn(s.Conn, d.cfg.ClientID)
	if err := s.versions(); err != nil {
		return nil, &Error{Addr: addr, Step: "asking for its versions", Err: err, Advice: s.adviceAtFirst(err)}
	}
	began := time.Now()
	lifetime, err := s.login(ctx, with, addr)
	if err != nil {
		return nil, &Error{Addr: addr, Step: "logging in", Err: err, Advice: adviceOnLogin(err)}
	}
	s.plan(began, lifetime, with)
	return s, nil
}

// encrypt puts TLS over the connection.
func (s *session) encrypt(ctx context.Context, cfg *tls.Config, addr string) error {
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		cfg = cfg.Clone()
		cfg.ServerName = host
	}
	c := tls.Client(s.Conn, cfg)
	if err := c.HandshakeContext(ctx); err != nil {
		return err
	}
	s.Conn, s.secure = c, true
	return nil
}

// versions asks for those of requests. A broker that refuses a client's certificate says so here at the earliest.
func (s *session) versions() error {
	m, err := s.broker.RoundTrip(new(apiversions.Request))
	if err != nil {
		return err
	}
	answer := m.(*apiversions.Response) // what the protocol package reads is of the request's kind
	if answer.ErrorCode != 0 {
		return kafka.Error(answer.ErrorCode)
	}
	known := map[protocol.ApiKey]int16{}
	for _, k := range answer.ApiKeys {
		key := protocol.ApiKey(k.ApiKey)
		known[key] = key.SelectVersion(k.MinVersion, k.MaxVersion)
	}
	s.broker.SetVersions(known)
	return nil
}

// plan sets when the session is to be renewed. Half of a session is left then, and a fifth when no request may begin
// any more: the broker looks at the time when a request arrives.
func (s *session) plan(began time.Time, lifetime time.Duration, with *Credential) {
	if !s.secure && with == nil {
		return
	}
	s.due = began.Add(oldest)
	sooner := func(at time.Time) {
		if at.Before(s.due) {
			s.due = at
		}
	}
	if lifetime > 0 {
		sooner(began.Add(lifetime / 2))
		s.end = began.Add(lifetime - lifetime/5)
	}
	if with != nil && !with.Expires.IsZero() {
		// A broker that ends sessions knows of it, and has made the session as short. One that doesn't goes on.
		sooner(began.Add(max(with.Expires.Sub(began)*4/5, leastApart)))
	}
}

// over says that no request may begin any more.
func (s *session) over(now time.Time) bool { return !s.end.IsZero() && !now.Before(s.end) }
