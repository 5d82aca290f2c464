package sender

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

const (
	breakerCalls = 10 // unanswered in a row: fewer happen by chance in a bad minute
	breakerRooms = 3  // among them: one or two bad rooms are trouble of theirs
)

// breaker is open while nobody is answered.
type breaker struct {
	open    bool
	next    time.Time // of the next probe
	rooms   []int64   // of the last calls, all unanswered
	backoff *backoff.ExponentialBackOff
}

func newBackoff(initial, most time.Duration) *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(backoff.WithInitialInterval(initial), backoff.WithMaxInterval(most),
		backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.25), backoff.WithMaxElapsedTime(0))
}

func newBreaker(cfg *Config) breaker {
	return breaker{backoff: newBackoff(cfg.RetryInitial, cfg.RetryMax)}
}

func (b *breaker) answered() {
	b.open, b.rooms = false, b.rooms[:0]
	b.backoff.Reset()
}

func (b *breaker) unanswered(now time.Time, room int64, probe bool) {
	if b.open {
		if probe {
			b.next = now.Add(b.backoff.NextBackOff())
		}
		return
	}
	if len(b.rooms) == breakerCalls {
		copy(b.rooms, b.rooms[1:])
		b.rooms = b.rooms[:breakerCalls-1]
	}
	b.rooms = append(b.rooms, room)
	if len(b.rooms) == breakerCalls && distinct(b.rooms) >= breakerRooms {
		b.open = true
		b.next = now.Add(b.backoff.NextBackOff())
	}
}

func distinct(rooms []int64) int {
	seen := map[int64]struct{}{}
	for _, r := range rooms {
		seen[r] = struct{}{}
	}
	return len(seen)
}
