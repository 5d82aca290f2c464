// Package sender speaks with the API: it signs and encodes requests, reads answers however they are
// shaped, judges them message by message, and decides when to call again, when not to, and when to give up.
//
// It promises that a message which may have reached the API goes again only with resendFlag 1 (but for
// the case in which the API itself says that it never had it), that an attempt without an answer is not
// repeated before its request time-out has passed, that no sliding second has more calls than the rate,
// that no call begins within the penalty of a 416, that an outage, wrong credentials or a wrong URL never
// end in a refusal, and that the app secret appears in no error, log or metric.
//
// It doesn't order, group or buffer events, write letters, or know about Kafka. But for Attempt, which is
// safe for concurrent use, a Sender belongs to one goroutine and is told the time.
package sender

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/rs/zerolog"

	"roomrelay/event"
)

// Secret is a text that shows itself nowhere.
type Secret string

// String hides the secret.
func (Secret) String() string { return "********" }

// GoString hides the secret.
func (Secret) GoString() string { return "********" }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("********"), nil }

// Config of a Sender.
type Config struct {
	Endpoints []string // such as https://api.yunxinapi.com; the first that can be reached is used
	AppKey    string
	AppSecret Secret

	RequestTimeout time.Duration // from dialling to the last byte of an answer
	RetryInitial   time.Duration // first backoff of a room
	RetryMax       time.Duration // longest
	GiveUpAfter    time.Duration // between a batch's first and last counted attempt
	Rate           float64       // calls a second of the whole app; 0: no limit

	ResendRefusals   bool     // send what the API wants as a resend once more, with 1, instead of a letter
	DuplicateReasons []string // texts in a reason that say that the message is there already
	MaxInFlight      int

	Dial func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network
	Log  zerolog.Logger
}

// Sender is the API as the worker sees it.
type Sender struct {
	cfg     Config
	log     zerolog.Logger // sampled: of what may repeat
	client  *client
	urls    endpoints
	quota   quota
	breaker breaker
	setup   setup
	doubt   doubt
	rooms   rooms
	seen    *seen
	probing bool // a probe is on its way
}

// New checks the endpoints and makes a Sender that has called nobody.
func New(cfg Config) (*Sender, error) {
	if len(cfg.Endpoints) == 0 {
		return nil, errors.New("no endpoint is given")
	}
	s := &Sender{
		cfg: cfg, client: newClient(&cfg),
		log:   cfg.Log.Sample(&zerolog.BurstSampler{Burst: 5, Period: 10 * time.Second}),
		quota: quota{rate: cfg.Rate}, breaker: newBreaker(&cfg), setup: newSetup(), rooms: newRooms(&cfg), seen: newSeen(),
	}
	for _, e := range cfg.Endpoints {
		u, err := url.Parse(e)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("endpoint %q is no URL such as https://api.yunxinapi.com", e)
		}
		s.urls.all = append(s.urls.all, u.JoinPath("nimserver/chatroom/batchSendMsg.action").String())
	}
	return s, nil
}

// Close ends idle connections. Attempts under way are not its matter.
func (s *Sender) Close() { s.client.transport.CloseIdleConnections() }

// SetShare says how many of how many partitions this worker holds: its part of the rate.
func (s *Sender) SetShare(now time.Time, held, total int) { s.quota.setShare(now, held, total) }

// Mode is whether a call may begin.
type Mode uint8

const (
	Open    Mode = iota // now
	Probing             // one now, to see whether calls are answered again
	Shut                // none before Gate.Until
)

// Gate is the answer of Sender.Gate.
type Gate struct {
	Mode  Mode
	Until time.Time // of Shut: when to ask again; zero: only an answer or another share changes it
	Why   string    // for a person; "" while all is well
}

// Gate says whether a call may begin now.
func (s *Sender) Gate(now time.Time) Gate {
	if until, why := s.quota.penalised(now); why != "" {
		return Gate{Shut, until, why}
	}
	why, next := s.setup.why, s.setup.next
	if why == "" && s.breaker.open {
		why, next = "the API doesn't answer: trying one call at a time", s.breaker.next
	}
	free, never := s.quota.free(now)
	switch {
	case never:
		return Gate{Shut, time.Time{}, why}
	case why == "" && free.After(now):
		return Gate{Shut, free, ""}
	case why == "":
		return Gate{Mode: Open}
	case s.probing:
		return Gate{Shut, time.Time{}, why}
	case next.After(now) || free.After(now):
		return Gate{Shut, latest(next, free), why}
	}
	return Gate{Mode: Probing, Why: why}
}

// Call is one request.
type Call struct {
	Room   int64
	Events []*event.Event

	url   int // in endpoints
	flags []uint8
	began time.Time // when it was planned: Attempt notes its own beginning
	probe bool
}

// call makes the next call of a course.
func (s *Sender) call(now time.Time, c *Course, events []*event.Event) *Call {
	probe := s.setup.why != "" || s.breaker.open
	s.probing = s.probing || probe
	s.quota.take(now)
	x := &Call{Room: events[0].Room, Events: events, url: s.urls.pick(now), flags: make([]uint8, len(events)), began: now, probe: probe}
	for i, e := range events {
		x.flags[i] = e.Flag
	}
	c.attempts++
	return x
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
