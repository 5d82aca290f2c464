package audit

import (
	"cmp"
	"slices"
)

// place is where a record stands.
type place struct {
	partition int32
	offset    int64
}

// lane is one whose order is kept.
type lane struct {
	partition int32
	room      int64
	sender    string // "" if lanes are rooms
}

// entry is one event and what became of it.
type entry struct {
	Event        // its first record
	shown    int // times
	letter   string
	lettered bool
	replayed bool // it has no place in the order
}

// books are the entries by all that names them.
type books struct {
	byRoom  bool
	entries []*entry // in the order of places
	byID    map[Message]*entry
	byPlace map[place]*entry // of every record, also those that repeat an event
	heads   map[lane]*entry  // the furthest event of each lane that was shown
	result  Result
}

// Check makes the audit.
func Check(in Input) Result {
	b := &books{
		byRoom:  in.ByRoom,
		byID:    make(map[Message]*entry, len(in.Published)),
		byPlace: make(map[place]*entry, len(in.Published)),
		heads:   map[lane]*entry{},
	}
	b.open(in.Published)
	for _, l := range in.Letters {
		if e := b.byPlace[place{l.Partition, l.Offset}]; e != nil {
			e.replayed = e.replayed || l.Replayed
		}
	}
	for s := range in.Shown {
		b.show(Message{s.Room, s.MsgID}, s.Sender)
	}
	for _, l := range in.Letters {
		b.letter(l)
	}
	for _, m := range in.Unflagged {
		b.result.Unflagged++
		b.result.violate(Unflagged, m.Room, m.MsgID, "the API may have had it, and it came again with resendFlag 0")
	}
	b.close()
	return b.result
}

// open enters what was published. An invalid record is an event of its own: what it says of its room and
// msgId, if it says anything, names nothing.
func (b *books) open(published []Event) {
	published = slices.SortedFunc(slices.Values(published), func(x, y Event) int {
		return cmp.Or(cmp.Compare(x.Partition, y.Partition), cmp.Compare(x.Offset, y.Offset))
	})
	for i := range published {
		e := &entry{Event: published[i]}
		id := Message{e.Room, e.MsgID}
		if e.Valid {
			if first := b.byID[id]; first != nil {
				b.byPlace[place{e.Partition, e.Offset}] = first
				continue
			}
			b.byID[id] = e
		}
		b.byPlace[place{e.Partition, e.Offset}] = e
		b.entries = append(b.entries, e)
	}
}

// show enters what a room was shown, in the room's order.
func (b *books) show(id Message, sender string) {
	e := b.byID[id]
	switch {
	case e == nil:
		b.strange(id, "a room was shown it, but it was never published")
		return
	case e.Sender != sender:
		b.strange(id, "it was shown as from %q, but it is from %q", sender, e.Sender)
	}
	e.shown++
	if e.shown > 1 || e.replayed {
		return // only the first delivery has a place in the order, and none that an operator has asked for
	}
	at := lane{e.Partition, e.Room, e.Sender}
	if b.byRoom {
		at.sender = ""
	}
	head := b.heads[at]
	if head == nil || head.Offset < e.Offset {
		b.heads[at] = e
		return
	}
	b.result.Swapped++
	b.result.violate(Swapped, id.Room, id.MsgID, "offset %d of partition %d was shown after %s at offset %d", e.Offset, e.Partition, head.MsgID, head.Offset)
}

func (b *books) letter(l Letter) {
	e := b.byPlace[place{l.Partition, l.Offset}]
	if e == nil {
		b.strange(Message{}, "a letter (%s) names offset %d of partition %d, where nothing was published", l.Reason, l.Offset, l.Partition)
		return
	}
	if e.lettered {
		return
	}
	e.lettered, e.letter = true, l.Reason
	if e.Valid && !e.Refused {
		b.result.FalseLetters++
		b.result.violate(FalseLetter, e.Room, e.MsgID, "it became a letter (%s), and nobody refused it for good", l.Reason)
	}
}

// close counts what became of each event.
func (b *books) close() {
	r := &b.result
	r.Published = len(b.entries)
	for _, e := range b.entries {
		switch {
		case e.shown > 0:
			r.Delivered++
			if e.shown > 1 {
				r.ShownTwice++
				r.violate(ShownTwice, e.Room, e.MsgID, "the room was shown it %d times", e.shown)
			}
		case e.lettered:
			r.DeadLettered++
			if !e.Valid {
				r.Invalid++
			}
		default:
			r.Lost++
			r.violate(Lost, e.Room, e.MsgID, "offset %d of partition %d was neither shown nor made a letter", e.Offset, e.Partition)
		}
	}
}

func (b *books) strange(id Message, words string, args ...any) {
	b.result.Strange++
	b.result.violate(Strange, id.Room, id.MsgID, words, args...)
}
