// Package batcher groups events into batches: lanes, windows, late sealing, turns, and trouble by room.
//
// It promises that the events of a lane leave it in the order in which they were added, at most one batch
// of a lane at a time; that a batch is the longest head run of its lane that can share a request at the
// moment it is sealed; that a lane is never due before its head run is full, can't grow, or its head has
// waited for the window, and always is then; that lanes take turns by when they last became due; that a
// room in trouble has one batch on its way and, with all others in trouble, at most a tenth of the slots
// and turns while other lanes are due; and that a lane or room with nothing to remember leaves no memory
// behind.
//
// It is pure: no Kafka, no HTTP, no logger, no clock (every method is told the time), no goroutine, no
// lock (it belongs to one goroutine). It doesn't bound what is added, which is the consumer's part, nor
// know why an attempt failed, which is the sender's.
package batcher

import (
	"time"

	"roomrelay/event"
)

// Ordering decides what a lane is.
type Ordering uint8

const (
	BySender Ordering = iota // a lane is (partition, room, sender)
	ByRoom                   // a lane is (partition, room)
)

// Config of a Batcher. Every field must be set, but Ordering, Window and RoomRate.
type Config struct {
	Ordering Ordering
	Window   time.Duration // from the arrival of a lane's head until the lane is due; 0: at once
	MaxBatch int           // messages a batch: 1 to 10
	MaxBytes int           // cap on the encoded body of a batch; one event over it goes alone
	Slots    int           // batches that may be on their way at once; with less than 10, a call in trouble takes more than a tenth of them

	// RoomRate is messages a second a room; 0: no limit. Batches of a room are spaced by their size, so
	// that a second has at most RoomRate messages and what the batch that reaches it has more.
	RoomRate float64
}

// Batch is a sealed head run of a lane. From Next until Done or Drop it belongs to the caller, who takes
// events out of Events as they get their outcome.
type Batch struct {
	Partition int32
	Room      int64
	Events    []*event.Event
	// Memo is the caller's own: what it wants to remember of the batch between attempts.
	Memo any

	lane    *lane // nil once it was dropped or done
	room    *room
	out     bool // occupies a slot
	trouble bool // began while the room was in trouble
}

// Batcher holds the lanes. It belongs to one goroutine.
type Batcher struct {
	cfg   Config
	lanes map[laneKey]*lane
	rooms map[int64]*room
	// most entries since the maps were made
	peakLanes, peakRooms int

	healthy  roomHeap // rooms with a lane that waits for its turn, by when it is or was due
	troubled roomHeap // likewise; not while the room has a batch on its way
	calm     []*room  // in trouble without a lane, oldest first; may hold some that changed since
	paced    []*room  // without a lane, but with a pace to remember; likewise

	events      int
	out         int
	troubleOut  int
	inTrouble   int
	credit      float64 // of the rooms in trouble, in turns
	probes      uint64
	troubleSlot int
}

// New returns an empty Batcher.
func New(cfg Config) *Batcher {
	return &Batcher{
		cfg: cfg, lanes: map[laneKey]*lane{}, rooms: map[int64]*room{},
		// A call in trouble can last a whole request time-out, and what is not due now may be due in a
		// millisecond. So the tenth of the slots holds whether other lanes are due or not.
		troubleSlot: max(1, cfg.Slots/10),
	}
}

// Add appends an event to its lane.
func (b *Batcher) Add(e *event.Event) {
	l := b.lane(e)
	if l.events == nil {
		l.events = make([]*event.Event, 0, 4) // many lanes never hold more
	}
	l.events = append(l.events, e)
	b.events++
	if l.batch != nil {
		return // what is behind a batch is looked at when that is done
	}
	l.grow(&b.cfg)
	b.place(l, latest(l.ripe(&b.cfg), l.since))
}

// Next seals and takes the batch whose turn it is, or returns nil if none may go now. It occupies a slot.
func (b *Batcher) Next(now time.Time) *Batch {
	if b.out >= b.cfg.Slots {
		return nil
	}
	b.forgetPaces(now)
	healthy := due(b.healthy, now)
	troubled := b.troubleOut < b.troubleSlot && due(b.troubled, now)
	switch {
	case healthy && (!troubled || b.credit < 1):
		b.credit = min(b.credit+0.1, 1)
		return b.take(b.healthy[0], now)
	case troubled:
		if healthy {
			b.credit--
		}
		return b.take(b.troubled[0], now)
	}
	return nil
}

// Probe takes a batch in order to see whether calls are answered again: rooms of the due lanes in turn.
// A room's backoff and the tenth don't count; what an event or a retry must wait for does.
func (b *Batcher) Probe(now time.Time) *Batch {
	if b.out >= b.cfg.Slots {
		return nil
	}
	var best *room
	for _, rooms := range []roomHeap{b.healthy, b.troubled} {
		for _, r := range rooms {
			if r.waiting[0].due.After(now) {
				continue
			}
			if best == nil || r.probed < best.probed || r.probed == best.probed && r.waiting[0].due.Before(best.waiting[0].due) {
				best = r
			}
		}
	}
	if best == nil {
		return nil
	}
	b.probes++
	best.probed = b.probes
	return b.take(best, now)
}

// Wake is the earliest instant at which Next can give a batch, if a slot is free then; zero if it can't
// without another call of Add, Done, Retry or Ended.
func (b *Batcher) Wake() time.Time {
	var at time.Time
	if len(b.healthy) > 0 {
		at = b.healthy[0].ready
	}
	if len(b.troubled) > 0 && b.troubleOut < b.troubleSlot {
		if t := b.troubled[0].ready; at.IsZero() || t.Before(at) {
			at = t
		}
	}
	return at
}

// WakeProbe is the earliest instant at which Probe can give a batch, if a slot is free then; zero if it
// can't without another call. It looks at every room that waits: it is asked only while sending is stopped.
func (b *Batcher) WakeProbe() time.Time {
	var first time.Time
	for _, rooms := range []roomHeap{b.healthy, b.troubled} {
		for _, r := range rooms {
			if t := r.waiting[0].due; first.IsZero() || t.Before(first) {
				first = t
			}
		}
	}
	return first
}

// take seals the head run of the room's first lane, or takes up the batch that is to go again.
func (b *Batcher) take(r *room, now time.Time) *Batch {
	l := r.waiting[0]
	b.unplace(l)
	x := l.batch
	if x == nil {
		x = l.seal()
		b.events -= len(x.Events)
	}
	x.out, x.trouble = true, r.trouble
	r.out++
	b.out++
	if r.trouble {
		b.troubleOut++
	}
	if b.cfg.RoomRate > 0 {
		r.pace = now.Add(time.Duration(float64(len(x.Events)) / b.cfg.RoomRate * float64(time.Second)))
	}
	b.queue(r)
	return x
}

// Ended says that the batch's attempt has ended: its slot is free. Its lane stays as it is, for a letter
// may be under way.
func (b *Batcher) Ended(x *Batch) {
	if !x.out {
		return
	}
	x.out = false
	b.out--
	if x.trouble {
		b.troubleOut--
	}
	x.room.out--
	b.queue(x.room)
	b.forget(x.room)
}

// Retry lets what is left in x.Events go again, as this same batch, not before at. It implies Ended.
func (b *Batcher) Retry(x *Batch, at time.Time) {
	if x.lane != nil {
		b.place(x.lane, at)
	}
	b.Ended(x)
}

// Done says that every event of the batch has its outcome: its lane goes on. It implies Ended.
func (b *Batcher) Done(x *Batch, now time.Time) {
	if l := x.lane; l != nil {
		x.lane, l.batch = nil, nil
		if len(l.events) == 0 {
			b.remove(l)
		} else {
			l.grow(&b.cfg)
			// Queued anew: a lane with a backlog lets every other due lane go before it. What is added
			// later mustn't give it back the turn of its head, or a lane with a stream of events would go
			// before all others as long as it has a backlog.
			l.since = now
			b.place(l, latest(l.ripe(&b.cfg), now))
		}
	}
	b.Ended(x)
}

// Drop forgets every lane of a partition. What is on its way keeps its slot until it has ended.
func (b *Batcher) Drop(partition int32) {
	for _, l := range b.lanes { // all of them: a rebalance is rare, an index by partition would cost every lane
		if l.key.partition != partition {
			continue
		}
		b.unplace(l)
		b.events -= len(l.events)
		if l.batch != nil {
			l.batch.lane, l.batch = nil, nil
		}
		b.remove(l)
	}
}

// Stats is what a Batcher holds.
type Stats struct {
	Lanes     int // with an event or a batch
	Events    int // not sealed yet
	InFlight  int // slots taken
	Troubled  int // rooms in trouble
	RoomsKept int // rooms of which anything is remembered
}

// Stats costs nothing.
func (b *Batcher) Stats() Stats {
	return Stats{Lanes: len(b.lanes), Events: b.events, InFlight: b.out, Troubled: b.inTrouble, RoomsKept: len(b.rooms)}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
