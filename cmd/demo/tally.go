package main

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// tally counts what all workers of the run tell, those that have ended too. It is their Meter.
type tally struct {
	delivered atomic.Int64
	letters   atomic.Int64
	waits     [waitSteps]atomic.Int64 // by the logarithm of the wait

	mu       sync.Mutex // guards the maps
	verdicts map[string]int
	reasons  map[string]int
}

// waitSteps covers 1 ms times 2^(n/4): to 18 hours, each step a fifth above the one before, which is
// as exactly as a live view can be read.
const waitSteps = 4 * 26

func newTally() *tally { return &tally{verdicts: map[string]int{}, reasons: map[string]int{}} }

// Delivered counts a message and how long it took from its arrival at the worker to its answer.
func (t *tally) Delivered(wait time.Duration) {
	t.delivered.Add(1)
	t.waits[stepOf(wait)].Add(1)
}

// Attempted counts a call's verdict.
func (t *tally) Attempted(_ time.Duration, _ int, verdict string) {
	t.mu.Lock()
	t.verdicts[verdict]++
	t.mu.Unlock()
}

// Lettered counts a letter.
func (t *tally) Lettered(reason string) {
	t.letters.Add(1)
	t.mu.Lock()
	t.reasons[reason]++
	t.mu.Unlock()
}

// stepOf is the step of a wait: the power of two of its milliseconds, and the two bits below the highest.
func stepOf(wait time.Duration) int {
	ms := uint64(max(wait.Milliseconds(), 0))
	if ms < 4 {
		return int(ms)
	}
	high := bits.Len64(ms) - 1
	return min(4*(high-1)+int(ms>>(high-2)&3), waitSteps-1)
}

// top is the longest wait of a step, but for the last one.
func top(step int) time.Duration {
	if step < 4 {
		return time.Duration(step) * time.Millisecond
	}
	high := step/4 + 1
	return time.Duration((uint64(step%4)+5)<<(high-2)-1) * time.Millisecond
}

// wait is the time within which the share q of messages was delivered; 0 if there are none.
func (t *tally) wait(q float64) time.Duration {
	var counts [waitSteps]int64
	var all int64
	for i := range counts {
		counts[i] = t.waits[i].Load()
		all += counts[i]
	}
	if all == 0 {
		return 0
	}
	rank := int64(q * float64(all))
	for i, n := range counts {
		if rank -= n; rank < 0 {
			return top(i)
		}
	}
	return top(waitSteps - 1)
}
