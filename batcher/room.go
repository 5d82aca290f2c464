package batcher

import (
	"container/heap"
	"slices"
	"time"
)

// calmRooms bounds the rooms in trouble that are remembered though no lane waits in them: of ten
// thousand closed rooms, the oldest is forgotten first and at worst called once more.
const calmRooms = 10_000

// room is what lanes of the same room share.
type room struct {
	id      int64
	lanes   int      // in the Batcher
	waiting laneHeap // lanes that wait for their turn, by when they are due
	out     int      // batches on their way

	trouble bool
	until   time.Time // backoff of a room in trouble
	pace    time.Time // not before, by the room's rate

	ready  time.Time // when the first of waiting may go; the key of the heap that the room is in
	index  int       // in that heap; -1: in none
	heap   *roomHeap
	probed uint64 // number of its last probe
}

func (b *Batcher) room(id int64) *room {
	r := b.rooms[id]
	if r == nil {
		r = &room{id: id, index: -1}
		b.rooms[id] = r
		b.peakRooms = max(b.peakRooms, len(b.rooms))
	}
	return r
}

// Trouble says that the room's last call ended unknown or wholly refused. Next takes none of its lanes
// before until.
func (b *Batcher) Trouble(id int64, until time.Time) {
	r := b.room(id)
	if !r.trouble {
		r.trouble = true
		b.inTrouble++
	}
	r.until = until
	b.queue(r)
	b.forget(r)
}

// Healthy says that a call of the room was answered well.
func (b *Batcher) Healthy(id int64) {
	r := b.rooms[id]
	if r == nil || !r.trouble {
		return
	}
	r.trouble, r.until = false, time.Time{}
	b.inTrouble--
	b.queue(r)
	b.forget(r)
}

// InTrouble says whether the room is in trouble.
func (b *Batcher) InTrouble(id int64) bool {
	r := b.rooms[id]
	return r != nil && r.trouble
}

// place lets a lane wait for its turn, from at on.
func (b *Batcher) place(l *lane, at time.Time) {
	l.due = at
	if l.index < 0 {
		heap.Push(&l.room.waiting, l)
	} else {
		heap.Fix(&l.room.waiting, l.index)
	}
	b.queue(l.room)
}

func (b *Batcher) unplace(l *lane) {
	if l.index >= 0 {
		heap.Remove(&l.room.waiting, l.index)
		b.queue(l.room)
	}
}

// queue puts a room where it belongs after anything of it has changed.
func (b *Batcher) queue(r *room) {
	var to *roomHeap
	switch {
	case len(r.waiting) == 0:
	case !r.trouble:
		to = &b.healthy
		r.ready = latest(r.waiting[0].due, r.pace)
	case r.out == 0: // one batch at a time
		to = &b.troubled
		r.ready = latest(latest(r.waiting[0].due, r.pace), r.until)
	}
	if r.heap == to {
		if to != nil {
			heap.Fix(to, r.index)
		}
		return
	}
	if r.heap != nil {
		heap.Remove(r.heap, r.index)
	}
	if r.heap = to; to != nil {
		heap.Push(to, r)
	}
}

// forget leaves of a room without lanes and batches only what must be remembered.
func (b *Batcher) forget(r *room) {
	if r.lanes > 0 || r.out > 0 || b.rooms[r.id] != r {
		return
	}
	switch {
	case r.trouble:
		b.calm = append(b.calm, r)
		if len(b.calm) > 2*calmRooms {
			b.trim()
		}
	case !r.pace.IsZero():
		b.paced = append(b.paced, r)
	default:
		b.erase(r)
	}
}

func (b *Batcher) erase(r *room) {
	if r.trouble {
		b.inTrouble--
	}
	delete(b.rooms, r.id)
	b.rooms = shrunk(b.rooms, &b.peakRooms)
}

func (r *room) idle() bool { return r.lanes == 0 && r.out == 0 }

// trim keeps the newest calmRooms of the rooms in trouble without lanes. A room may stand in the list
// several times, once for each time that it became idle; the last one counts.
func (b *Batcher) trim() {
	seen := map[*room]bool{}
	kept := make([]*room, 0, calmRooms)
	for _, r := range slices.Backward(b.calm) {
		if seen[r] || !r.trouble || !r.idle() || b.rooms[r.id] != r {
			continue
		}
		seen[r] = true
		if len(kept) < calmRooms {
			kept = append(kept, r)
		} else {
			b.erase(r)
		}
	}
	slices.Reverse(kept)
	b.calm = kept
}

// forgetPaces erases rooms whose pace is over and that nothing else is known of. The list is in the order
// in which rooms became idle, so the first whose pace isn't over ends the look.
func (b *Batcher) forgetPaces(now time.Time) {
	for len(b.paced) > 0 {
		r := b.paced[0]
		current := b.rooms[r.id] == r && r.idle() && !r.trouble
		if current && r.pace.After(now) {
			return
		}
		b.paced[0] = nil
		b.paced = b.paced[1:]
		if current {
			b.erase(r)
		}
	}
	b.paced = nil
}
