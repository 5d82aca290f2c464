package chaos

import (
	"slices"
	"time"

	"roomrelay/internal/imsim"
)

// message names a message.
type message struct {
	room int64
	id   string
}

// place is where a record stands.
type place struct {
	partition int32
	offset    int64
}

// laneOf names a lane; the sender is empty where lanes are rooms.
type laneOf struct {
	partition int32
	room      int64
	sender    string
}

// record is one record as it was published.
type record struct {
	place
	at       time.Time
	event    Event
	write    Write
	entry    *entry // of its message; nil if it is none
	lettered bool
	deleted  bool // by retention, or an operator
	unowed   bool // it may be passed over: auto-offset-reset is latest
	replay   *replayed
}

// replayed says of a record that an operator made it of a letter.
type replayed struct {
	first   place
	replays int
}

// entry is one message, and what is known of it. Two records of one room and msgId are one message.
type entry struct {
	message
	records []*record
	calls   []*call // in the order of their arrival
	shown   int
	// may says that the API may have it, as far as those who sent it can know.
	may bool
}

// log is one partition.
type log struct {
	records []*record
	clear   int64 // everything below was found settled
	passed  int64 // an operator has set the offset there: what is below may be passed over
	writing bool  // the last of records is entered, and may not stand there yet
}

// books are all that was published.
type books struct {
	logs    []*log
	entries map[message]*entry
	count   int
}

func newBooks(partitions int) books {
	b := books{entries: map[message]*entry{}}
	for range partitions {
		b.logs = append(b.logs, &log{})
	}
	return b
}

func (b *books) publish(w Write, now time.Time, owed bool) *record {
	l := b.logs[w.Partition]
	x := &record{place: place{int32(w.Partition), int64(len(l.records))}, at: now, event: w.Event, write: w, unowed: !owed || int64(len(l.records)) < l.passed}
	l.records = append(l.records, x)
	b.count++
	if x.event.Valid {
		id := message{x.event.Room, x.event.ID}
		e := b.entries[id]
		if e == nil {
			e = &entry{message: id}
			b.entries[id] = e
		}
		e.records = append(e.records, x)
		x.entry = e
	}
	return x
}

// at is the record of a place; nil if there is none.
func (b *books) at(p place) *record {
	if p.partition < 0 || int(p.partition) >= len(b.logs) || p.offset < 0 || p.offset >= int64(len(b.logs[p.partition].records)) {
		return nil
	}
	return b.logs[p.partition].records[p.offset]
}

// settled says that the record has an outcome, as far as can be seen from outside: its message was shown,
// or it is a letter, or there is nothing to be done about it.
func (x *record) settled() bool {
	return x.event.Null || x.deleted || x.unowed || x.lettered || x.entry != nil && x.entry.shown > 0
}

// lane is the record's lane.
func (x *record) lane(byRoom bool) laneOf {
	l := laneOf{x.partition, x.event.Room, x.event.Sender}
	if byRoom {
		l.sender = ""
	}
	return l
}

// repeated says that the message was published more than once, and that more than one worker has sent it:
// beyond what one worker remembers, and over a restart, repeating is the producer's matter.
func (e *entry) repeated(worker string) bool {
	callers := e.callers()
	callers[worker] = true
	return len(e.records) > 1 && len(callers) > 1
}

// callers are the workers that sent the message.
func (e *entry) callers() map[string]bool {
	all := map[string]bool{}
	for _, c := range e.calls {
		all[c.worker] = true
	}
	return all
}

// sentSince says that the message was sent after its letter was made: whose writing nobody could confirm, and whose
// partition was given up and came back. Of what the API may have since, that letter says nothing.
func (e *entry) sentSince(lettered time.Time) bool {
	return slices.ContainsFunc(e.calls, func(c *call) bool { return c.Began.After(lettered.Add(time.Millisecond)) })
}

// absolvedSince says that a call which came after c was told that the API never had the message.
func (e *entry) absolvedSince(c *call) bool {
	for _, p := range e.calls {
		if p.over && p.Number > c.Number && p.class == listed {
			for i, x := range p.entries {
				if x == e && p.Messages[i].Listed == imsim.InFail && p.Messages[i].Reason == imsim.ReasonResend {
					return true
				}
			}
		}
	}
	return false
}
