package relay

import (
	"sync/atomic"
	"time"

	"roomrelay/batcher"
	"roomrelay/consumer"
	"roomrelay/deadletter"
)

// Meter is told of what happens, by the loop, as it happens.
type Meter interface {
	Delivered(wait time.Duration) // from a message's arrival to its answer
	Attempted(took time.Duration, messages int, verdict string)
	Lettered(reason string)
}

type silence struct{}

func (silence) Delivered(time.Duration)              {}
func (silence) Attempted(time.Duration, int, string) {}
func (silence) Lettered(string)                      {}

// Stats is what a Relay has done since it was made, and what it holds now.
type Stats struct {
	Arrived   int64 // events handed out by the consumer
	Delivered int64
	Strangers int64 // of those arrived, letters that another group replays: passed over
	Letters   int64 // acknowledged
	Calls     int64
	Messages  int64 // in all calls: more than Delivered where calls were repeated
	Hold      Hold
	Batcher   batcher.Stats
	Consumer  consumer.Stats
	Letterbox deadletter.Stats
}

// Hold is what holds sending up: zero while all is well.
type Hold struct {
	Cause string // one of a few: quota, breaker, set-up
	Why   string // for a person
}

type counts struct {
	arrived, delivered, strangers, letters, calls, messages atomic.Int64
	batcher                                                 atomic.Pointer[batcher.Stats]
}

func (c *counts) landed(messages, delivered int) {
	c.calls.Add(1)
	c.messages.Add(int64(messages))
	c.delivered.Add(int64(delivered))
}

func (c *counts) letter() { c.letters.Add(1) }

func (c *counts) publish(s batcher.Stats) { c.batcher.Store(&s) }

// Stats is safe for concurrent use.
func (r *Relay) Stats() Stats {
	s := Stats{
		Arrived: r.counts.arrived.Load(), Strangers: r.counts.strangers.Load(), Delivered: r.counts.delivered.Load(), Letters: r.counts.letters.Load(),
		Calls: r.counts.calls.Load(), Messages: r.counts.messages.Load(),
		Consumer: r.consumer.Stats(), Letterbox: r.writer.Stats(),
	}
	if b := r.counts.batcher.Load(); b != nil {
		s.Batcher = *b
	}
	if h := r.hold.Load(); h != nil {
		s.Hold = *h
	}
	return s
}
