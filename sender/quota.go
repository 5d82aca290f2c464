package sender

import (
	"slices"
	"time"
)

// quota paces calls evenly. Bursts would save nothing: the API counts fixed seconds, and what the network
// delays from one second into the next would come on top of that one's burst.
type quota struct {
	rate  float64 // calls a second of the app; 0: no limit
	most  int     // this worker's whole calls in any second; 0: it has no share
	apart time.Duration
	late  time.Duration // how far a call behind its time lets the next ones catch up

	due   time.Time   // of the next call, were none ever late
	begun []time.Time // calls of the last second: at most most, or more just after the share has shrunk
}

// lateness is by how much a timer and a busy loop miss an instant. Without catching up it would be lost at
// every call: one millisecond of eleven is a tenth of the default rate.
const lateness = 10 * time.Millisecond

// setShare takes this worker's part of the rate, in whole calls a second; less than one a second is kept
// as the time between two.
func (q *quota) setShare(now time.Time, held, total int) {
	if q.rate == 0 {
		return
	}
	former, share := q.most, 0.0
	if held > 0 && total > 0 {
		share = q.rate * float64(held) / float64(total)
	}
	switch {
	case share == 0:
		q.most = 0
		return
	case share < 1:
		q.most, q.apart, q.late = 1, time.Duration(float64(time.Second)/share), 0
	default:
		q.most = int(share)
		q.apart, q.late = time.Second/time.Duration(q.most), lateness
	}
	// A share that has grown was another worker's until now, who may have used up this second's part of it. One
	// that has just made its 90 calls hands three quarters over: the three who were idle until then would
	// each begin at once, beside what is paced, and with ten of them the app would meet the API's limit.
	if next := now.Add(q.apart); q.most > former || next.Before(q.due) {
		q.due = next
	}
}

// free is when the next call may begin; never: not before there is a share.
func (q *quota) free(now time.Time) (at time.Time, never bool) {
	switch {
	case q.rate == 0:
		return now, false
	case q.most == 0:
		return time.Time{}, true
	case len(q.begun) < q.most:
		return q.due, false
	}
	// Catching up must not put one call more into any second: the last but so many must be one ago.
	return latest(q.due, q.begun[len(q.begun)-q.most].Add(time.Second)), false
}

func (q *quota) take(now time.Time) {
	if q.rate == 0 {
		return
	}
	q.due = latest(q.due, now.Add(-q.late)).Add(q.apart)
	old := 0
	for old < len(q.begun) && now.Sub(q.begun[old]) >= time.Second {
		old++
	}
	q.begun = append(slices.Delete(q.begun, 0, old), now)
}
