package login

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/apiversions"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl/plain"
)

// broker is one that wants a login by PLAIN or OAUTHBEARER, ends sessions as Kafka does, and answers FindCoordinator.
type broker struct {
	t        *testing.T
	lifetime time.Duration // of sessions; 0: for ever

	mu      sync.Mutex // of the fields below
	good    string     // what a login must contain
	holds   time.Duration
	deaf    bool // takes connections and answers nothing
	stops   bool // closes a connection at the login
	logins  int
	refused int
	killed  int // sessions that a request came too late for
	served  int // requests
	open    int // connections
}

func (b *broker) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	b.change(func() { b.open++ })
	go b.serve(theirs)
	return ours, nil
}

// change changes or reads the broker's fields.
func (b *broker) change(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do()
}

func (b *broker) serve(c net.Conn) {
	defer c.Close()
	defer b.change(func() { b.open-- })
	s := &served{broker: b}
	for {
		version, id, _, req, err := protocol.ReadRequest(c)
		if err != nil {
			return
		}
		var answer protocol.Message
		b.change(func() { answer = s.answer(req) })
		if answer == nil {
			return
		}
		if _, ok := answer.(*findcoordinator.Response); ok {
			var holds time.Duration
			b.change(func() { holds = b.holds })
			time.Sleep(holds) // in the test's time
		}
		var deaf bool
		if b.change(func() { deaf = b.deaf }); deaf {
			time.Sleep(time.Hour)
		}
		if protocol.WriteResponse(c, version, id, answer) != nil {
			return
		}
	}
}

// served is one connection of a broker.
type served struct {
	*broker
	logged bool
	failed bool      // by OAUTHBEARER, which has another message then
	end    time.Time // of the session
}

// answer is what the broker says; nil: it closes the connection.
func (s *served) answer(req protocol.Message) protocol.Message {
	switch r := req.(type) {
	case *apiversions.Request:
		all := &apiversions.Response{}
		for _, k := range []protocol.ApiKey{protocol.ApiVersions, protocol.SaslHandshake, protocol.SaslAuthenticate, protocol.FindCoordinator} {
			all.ApiKeys = append(all.ApiKeys, apiversions.ApiKeyResponse{ApiKey: int16(k), MaxVersion: 1})
		}
		return all
	case *saslhandshake.Request:
		if r.Mechanism != "PLAIN" && r.Mechanism != "OAUTHBEARER" {
			return &saslhandshake.Response{ErrorCode: int16(kafka.UnsupportedSASLMechanism), Mechanisms: []string{"PLAIN", "OAUTHBEARER"}}
		}
		return &saslhandshake.Response{}
	case *saslauthenticate.Request:
		return s.authenticate(string(r.AuthBytes))
	case *findcoordinator.Request:
		switch {
		case !s.logged:
			return nil
		case !s.end.IsZero() && time.Now().After(s.end):
			s.killed++
			return nil
		}
		s.served++
		return &findcoordinator.Response{NodeID: 7}
	}
	s.t.Errorf("unexpected request %T", req)
	return nil
}

func (s *served) authenticate(text string) protocol.Message {
	refusal := &saslauthenticate.Response{ErrorCode: int16(kafka.SASLAuthenticationFailed), ErrorMessage: "no such user"}
	bearer := strings.HasPrefix(text, "n,,\x01auth=Bearer ") && strings.HasSuffix(text, "\x01\x01")
	switch {
	case s.stops:
		return nil
	case s.failed && text == "\x01":
		return refusal
	case bearer && !strings.Contains(text, s.good):
		s.refused++
		s.failed = true
		return &saslauthenticate.Response{AuthBytes: []byte(`{"status":"invalid_token"}`)}
	case !strings.Contains(text, s.good):
		s.refused++
		return refusal
	}
	s.logged = true
	s.logins++
	if s.lifetime > 0 {
		s.end = time.Now().Add(s.lifetime)
	}
	return &saslauthenticate.Response{SessionLifetimeMs: s.lifetime.Milliseconds(), AuthBytes: []byte{}}
}

// purse holds the credential of a test.
type purse struct {
	mu      sync.Mutex
	at      Credential
	problem error
}

func (p *purse) password(text string, version uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = Credential{Mechanism: plain.Mechanism{Username: "ann", Password: text}, Version: version}
}

func (p *purse) now() (Credential, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at, p.problem
}

func (p *purse) version() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at.Version
}

// newDialer makes one for the broker and a purse with its password.
func newDialer(b *broker) (*Dialer, *purse) {
	p := &purse{}
	p.password(b.good, 1)
	return New(Config{Dial: b.dial, SASL: p.now, Version: p.version}), p
}

// line is a connection as kafka-go uses it.
type line struct {
	t *testing.T
	*protocol.Conn
}

func connect(t *testing.T, d *Dialer) line {
	t.Helper()
	c, err := d.DialContext(t.Context(), "tcp", "broker:9092")
	if err != nil {
		t.Fatal(err)
	}
	pc := protocol.NewConn(c, "test")
	if _, err := pc.RoundTrip(new(apiversions.Request)); err != nil {
		t.Fatal(err)
	}
	return line{t, pc}
}

// ask makes a request with a deadline, as the Transport does.
func (l line) ask(limit time.Duration) error {
	if err := l.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	m, err := l.RoundTrip(&findcoordinator.Request{Key: "g"})
	if err != nil {
		return err
	}
	if r, ok := m.(*findcoordinator.Response); !ok || r.NodeID != 7 {
		return errors.New("another request's answer")
	}
	return l.SetDeadline(time.Time{})
}

// askFor makes a request every so often for a while.
func (l line) askFor(d, every time.Duration) {
	l.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(every) {
		if err := l.ask(time.Second); err != nil {
			l.t.Fatal(err)
		}
	}
}
