package batcher

import (
	"slices"
	"strings"
	"time"

	"roomrelay/event"
)

// laneKey names a lane; sender is empty in lanes by room.
type laneKey struct {
	room      int64
	sender    string
	partition int32
}

// lane is a FIFO of events, of which at most one batch is on its way.
type lane struct {
	key    laneKey
	room   *room
	events []*event.Event // not sealed, in order
	batch  *Batch         // sealed and without outcome; nil: the head run may go

	since time.Time // when its last batch was done: it isn't due from before that
	due   time.Time // since when, or from when on, it may take its turn
	index int       // in room.waiting; -1: it doesn't wait

	// The head run, as far as it has been looked at.
	run   int
	bytes int
	shut  bool // it can't grow: full, or the next event doesn't fit it
}

func (b *Batcher) lane(e *event.Event) *lane {
	k := laneKey{partition: e.Partition, room: e.Room}
	if b.cfg.Ordering == BySender {
		k.sender = e.Sender
	}
	l := b.lanes[k]
	if l == nil {
		// The sender's name shares the memory of its record, which must not live as long as a busy lane.
		k.sender = strings.Clone(k.sender)
		l = &lane{key: k, room: b.room(e.Room), index: -1}
		l.room.lanes++
		b.lanes[k] = l
		b.peakLanes = max(b.peakLanes, len(b.lanes))
	}
	return l
}

// remove forgets a lane that holds nothing.
func (b *Batcher) remove(l *lane) {
	delete(b.lanes, l.key)
	l.room.lanes--
	b.lanes = shrunk(b.lanes, &b.peakLanes)
	b.forget(l.room)
}

// grow looks at what came behind the head run since it was looked at last.
func (l *lane) grow(cfg *Config) {
	for l.run < len(l.events) && !l.shut {
		if !l.fits(l.events[l.run], cfg) {
			l.shut = true
			return
		}
		e := l.events[l.run]
		if l.run == 0 {
			l.bytes = e.EnvelopeBytes()
		} else {
			l.bytes += event.SeparatorBytes
		}
		l.bytes += e.MessageBytes()
		l.run++
		l.shut = l.run == cfg.MaxBatch
	}
}

// fits says whether e can share a request with the head run.
func (l *lane) fits(e *event.Event, cfg *Config) bool {
	if l.run == 0 {
		return true
	}
	head := l.events[0]
	if !event.CanShare(head, e) || l.bytes+event.SeparatorBytes+e.MessageBytes() > cfg.MaxBytes {
		return false
	}
	if e.NotBefore.After(head.NotBefore) {
		return false // it must wait longer than the head
	}
	// The answer names messages by msgId: one call can't tell two of the same apart.
	return !slices.ContainsFunc(l.events[:l.run], func(x *event.Event) bool { return x.MsgID == e.MsgID })
}

// ripe is when the head run is due: at once when it can't grow, or when its head has waited for the window.
func (l *lane) ripe(cfg *Config) time.Time {
	head := l.events[0]
	at := head.Arrived.Add(cfg.Window)
	if l.shut {
		// What shut it is the last of a full run, or the one behind the run, which doesn't fit.
		by := l.events[min(l.run, len(l.events)-1)]
		if l.run == cfg.MaxBatch {
			by = l.events[l.run-1]
		}
		if by.Arrived.Before(at) {
			at = by.Arrived
		}
	}
	return latest(at, head.NotBefore)
}

// seal takes the head run out of the lane.
func (l *lane) seal() *Batch {
	run := l.events[:l.run]
	// A list of its own: an event that has its outcome counts no more against the bound of the buffer, so
	// the lane mustn't keep it alive while the rest of the batch is being retried.
	x := &Batch{Partition: l.key.partition, Room: l.key.room, Events: slices.Clone(run), lane: l, room: l.room}
	clear(run)
	l.events = l.events[l.run:]
	if len(l.events) == 0 {
		l.events = nil
	}
	l.run, l.bytes, l.shut = 0, 0, false
	l.batch = x
	return x
}
