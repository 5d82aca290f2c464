package sender

import "time"

const (
	breakerCalls = 10 // unanswered in a row: fewer happen by chance in a bad minute
	breakerRooms = 3  // among them: one or two bad rooms are trouble of theirs
)

// breaker is open while nobody is answered.
type breaker struct {
	open       bool
	next       time.Time // of the next probe
	unanswered streak
	pauses     pauses
}

func newBreaker(cfg *Config) breaker {
	return breaker{unanswered: streak{calls: breakerCalls, over: breakerRooms}, pauses: newPauses(cfg.RetryInitial, cfg.RetryMax)}
}

// answer closes it, whatever the answer says.
func (b *breaker) answer() {
	b.open = false
	b.unanswered.end()
}

// silence notes a call that nobody answered. What began before it opened says nothing new.
func (b *breaker) silence(now time.Time, room int64, probe bool) {
	switch {
	case b.open && probe:
		b.next = now.Add(b.pauses.next())
	case !b.open && b.unanswered.add(room):
		b.open = true
		b.pauses.Reset()
		b.next = now.Add(b.pauses.next())
	}
}

const breakerWhy = "the API doesn't answer: one call at a time until it does; check the network, and api-endpoint if it never did"
