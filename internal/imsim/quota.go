package imsim

import (
	"sync/atomic"
	"time"
)

// penalty is how long every call gets 416 once the quota was passed, as the vendor's table of limits says.
// Nothing says that calls during it lengthen it, so they don't.
const penalty = 10 * time.Second

// quota counts calls a fixed second.
type quota struct {
	// now is the second (upper 40 bits) and the calls in it (lower 24: 16 million calls a second are
	// out of reach), in one word so that counting takes no lock.
	now     atomic.Uint64
	blocked atomic.Int64 // until when, in Unix nanoseconds
}

const countBits = 24

// admit counts a call; false: over the quota or blocked.
func (q *quota) admit(now time.Time, rate int) bool {
	if until := q.blocked.Load(); until != 0 && now.UnixNano() < until {
		return false
	}
	if rate <= 0 {
		return true
	}
	second := uint64(now.Unix())
	for {
		old := q.now.Load()
		next := old + 1
		// A clock that was read before another call's, but counted after it, belongs to the
		// later second: going back would count that second anew.
		if second > old>>countBits {
			next = second<<countBits + 1
		}
		if !q.now.CompareAndSwap(old, next) {
			continue
		}
		if next&(1<<countBits-1) > uint64(rate) {
			q.block(now)
			return false
		}
		return true
	}
}

// block begins the penalty, unless one is on.
func (q *quota) block(now time.Time) {
	old := q.blocked.Load()
	if now.UnixNano() >= old {
		q.blocked.CompareAndSwap(old, now.Add(penalty).UnixNano())
	}
}

func (q *quota) reset() {
	q.now.Store(0)
	q.blocked.Store(0)
}
