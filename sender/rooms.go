package sender

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// mostRooms bounds the rooms in trouble that are remembered. A forgotten one begins its backoff anew, and
// its giving up: it costs calls, never a message.
const mostRooms = 10_000

// rooms is what is known of rooms whose calls aren't answered.
type rooms struct {
	initial, most time.Duration
	all           map[int64]*room
}

type room struct {
	backoff *backoff.ExponentialBackOff
	givenUp bool
}

func newRooms(cfg *Config) rooms {
	return rooms{initial: cfg.RetryInitial, most: cfg.RetryMax, all: map[int64]*room{}}
}

func (r *rooms) get(id int64) *room {
	x := r.all[id]
	if x == nil {
		if len(r.all) >= mostRooms {
			for old := range r.all {
				delete(r.all, old)
				break
			}
		}
		x = &room{backoff: newBackoff(r.initial, r.most)}
		r.all[id] = x
	}
	return x
}

// unanswered says how long the room is left alone.
func (r *rooms) unanswered(id int64) time.Duration { return r.get(id).backoff.NextBackOff() }

func (r *rooms) answered(id int64) { delete(r.all, id) }

func (r *rooms) giveUp(id int64) { r.get(id).givenUp = true }

func (r *rooms) givenUp(id int64) bool {
	x := r.all[id]
	return x != nil && x.givenUp
}
