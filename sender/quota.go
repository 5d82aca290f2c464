package sender

import "time"

const (
	// leastPenalty is for how long the API blocks the interface after a 416.
	leastPenalty = 10 * time.Second
	// mostPenalty is as long as repeated penalties grow: a minute is the longest block that the API's
	// table of limits has.
	mostPenalty = time.Minute
	// calmAfter without a 416 the next one is the first again.
	calmAfter = time.Minute
)

// quota paces calls evenly. Bursts would save nothing: the API counts fixed seconds, and what the network
// delays from one second into the next would come on top of that one's burst.
type quota struct {
	rate     float64 // of the app; 0: none
	interval time.Duration
	last     time.Time // when a call last began
	none     bool      // this worker has no share

	pause   time.Time // no call before
	paused  time.Time // when the newest penalty began
	penalty time.Duration
}

// setShare takes effect from the last call on.
func (q *quota) setShare(_ time.Time, held, total int) {
	if q.rate == 0 {
		return
	}
	q.none = held == 0 || total == 0
	if q.none {
		return
	}
	share := q.rate * float64(held) / float64(total)
	// Whole calls a second: n calls an interval of 1/n apart never are n+1 in one sliding second.
	if share >= 1 {
		n := time.Duration(share)
		q.interval = (time.Second + n - 1) / n
	} else {
		q.interval = time.Duration(float64(time.Second) / share)
	}
}

// free is when the next call may begin as far as the rate goes; never: not before there is a share.
func (q *quota) free(now time.Time) (at time.Time, never bool) {
	switch {
	case q.rate == 0:
		return now, false
	case q.none || q.interval == 0:
		return time.Time{}, true
	case q.last.IsZero():
		return now, false
	}
	return q.last.Add(q.interval), false
}

func (q *quota) take(now time.Time) { q.last = now }

// throttled notes a 416 that was answered at now to a call begun at began.
func (q *quota) throttled(began, now time.Time, retryAfter time.Duration) {
	// Calls that were on their way when the first 416 came get theirs, too. These are the same
	// penalty: only how long it lasts counts from the last of them.
	if q.paused.IsZero() || began.After(q.paused) {
		if q.penalty > 0 && now.Sub(q.pause) < calmAfter {
			q.penalty = min(2*q.penalty, mostPenalty)
		} else {
			q.penalty = leastPenalty
		}
		q.paused = now
	}
	q.pause = latest(q.pause, now.Add(max(q.penalty, retryAfter)))
}

func (q *quota) penalised(now time.Time) (until time.Time, why string) {
	if q.pause.After(now) {
		return q.pause, "over the API's quota (416): no call for a while; lower rate if other programs use the same app-key"
	}
	return time.Time{}, ""
}
