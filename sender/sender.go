// Package sender speaks with the API: it signs and encodes requests, reads answers however they are
// shaped, judges them message by message, and decides when to call again, when not to, and when to give up.
//
// It promises that a message which may have reached the API goes again only with resendFlag 1 (but for
// the case in which the API itself says that it never had it), that an attempt without an answer is not
// repeated before the request time-out has passed since it was written, that no sliding second has more calls than the rate,
// that no call begins within the penalty of a 416, that an outage, wrong credentials or a wrong URL never
// end in a refusal, and that the app secret appears in no error, log or metric.
//
// It can't tell a wrong setting from a wrong message while no call but those of one room is made: then it
// holds the message back and says so.
//
// It doesn't order, group or buffer events, write letters, or know about Kafka. But for Attempt, which is
// safe for concurrent use, a Sender belongs to one goroutine and is told the time.
package sender

import (
	"cmp"
	"time"

	"github.com/rs/zerolog"
)

// Sender is the API as the worker sees it.
type Sender struct {
	cfg     Config         // without the secret
	log     zerolog.Logger // sampled: all that it says may repeat
	client  *client
	urls    endpoints
	quota   quota
	penalty penalty
	breaker breaker
	setup   setup
	doubt   doubt
	rooms   rooms
	seen    *seen
	ticks   tick
	probing bool // a probe is on its way
}

// New checks the configuration and makes a Sender that has called nobody.
func New(cfg Config) (*Sender, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Sender{
		log:    cfg.Log.Sample(&zerolog.BurstSampler{Burst: 5, Period: 10 * time.Second}),
		client: newClient(&cfg), quota: quota{rate: cfg.Rate}, breaker: newBreaker(&cfg), setup: newSetup(), doubt: newDoubt(),
		rooms: newRooms(&cfg), seen: newSeen(cmp.Or(cfg.Remember, seenCount)),
	}
	for _, e := range cfg.Endpoints {
		u, err := address(e)
		if err != nil {
			return nil, err
		}
		s.urls.all = append(s.urls.all, u)
	}
	cfg.AppSecret = ""
	s.cfg = cfg
	return s, nil
}

// Close ends idle connections. Attempts under way are not its matter.
func (s *Sender) Close() { s.client.transport.CloseIdleConnections() }

// SetShare says how many of how many partitions this worker holds: its part of the rate. Before it is
// first told, a Sender with a rate makes no call.
func (s *Sender) SetShare(now time.Time, held, total int) { s.quota.setShare(now, held, total) }

// tick is the number of what happens now.
func (s *Sender) tick() tick {
	s.ticks++
	return s.ticks
}
