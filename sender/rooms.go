package sender

import "time"

// mostRooms bounds the rooms in trouble that are remembered. A forgotten one begins its backoff anew, and
// its giving up: it costs calls, never a message.
const mostRooms = 10_000

// rooms is what is known of rooms whose calls aren't answered.
type rooms struct {
	initial, most time.Duration
	all           map[int64]*room
}

type room struct {
	pauses  pauses
	until   time.Time
	paused  tick // with the answer that until was reckoned from
	givenUp bool
}

func newRooms(cfg *Config) rooms {
	return rooms{initial: cfg.RetryInitial, most: cfg.RetryMax, all: map[int64]*room{}}
}

func (r *rooms) get(id int64) *room {
	x := r.all[id]
	if x == nil {
		evict(r.all, mostRooms)
		x = &room{pauses: newPauses(r.initial, r.most)}
		r.all[id] = x
	}
	return x
}

// evict makes room for one more entry. Which one goes doesn't matter.
func evict[K comparable, V any](m map[K]V, most int) {
	for k := range m {
		if len(m) < most {
			return
		}
		delete(m, k)
	}
}

// silence says until when the room is left alone after a call that nobody answered, or that asks for a pause
// of its own. When many calls of a room were on their way, all their ends are one failure: the backoff grows
// once, and the longest pause that was asked for holds.
func (r *rooms) silence(now time.Time, call *Call, at tick, asked time.Duration) time.Time {
	x := r.get(call.Room)
	if call.begun > x.paused {
		x.until, x.paused = latest(x.until, now.Add(x.pauses.next())), at
	}
	x.until = latest(x.until, now.Add(asked))
	return x.until
}

// answered ends a room's trouble as far as it is the sender's matter: it is there, whatever it says.
func (r *rooms) answered(id int64) { delete(r.all, id) }

func (r *rooms) giveUp(id int64) { r.get(id).givenUp = true }

func (r *rooms) givenUp(id int64) bool {
	x := r.all[id]
	return x != nil && x.givenUp
}
