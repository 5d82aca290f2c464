package imsim

import (
	"cmp"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// shards is far above the number of cores, so that calls of different rooms seldom meet at a lock.
const shards = 64

// rooms is what every room was shown, and which msgIds were seen.
type rooms struct {
	shards [shards]shard
	order  atomic.Uint64 // counts what is shown, so that all rooms together have an order
}

type shard struct {
	mu sync.Mutex // guards all below; never held while waiting
	// seen has a hash of room and msgId (64 bits: among a hundred million messages two of them meet
	// with a chance of 3 in 10,000) and how often it was shown, 2 standing for more.
	seen  map[uint64]uint8
	rooms map[int64]*room
	_     [40]byte // fills the cache line, so that locks next to one another don't share it
}

// room is what one room was shown. Its log is only ever appended to, so a copy of the slice can be read
// without the lock.
type room struct {
	calls uint64 // so far: what chances are made of
	shown bool
	log   []kept
}

// kept is a shown message in few bytes: its texts stand in one string.
type kept struct {
	text          string // sender, msgId, attach, ext
	sender, msgID uint32 // lengths
	attach        uint32
	kind          uint8
	flag          uint8
	order         uint64
	at            int64 // Unix nanoseconds
}

func (r *rooms) of(room int64) *shard { return &r.shards[mix(uint64(room))%shards] }

func (r *rooms) reset() {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		sh.seen, sh.rooms = map[uint64]uint8{}, map[int64]*room{}
		sh.mu.Unlock()
	}
}

// turn counts a call of the room and returns which one it is, from 0.
func (r *rooms) turn(id int64) uint64 {
	sh := r.of(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	x := sh.room(id)
	x.calls++
	return x.calls - 1
}

func (sh *shard) room(id int64) *room {
	x := sh.rooms[id]
	if x == nil {
		x = &room{}
		sh.rooms[id] = x
	}
	return x
}

// count is how many rooms were shown anything.
func (r *rooms) count() (n int64) {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		for _, x := range sh.rooms {
			if x.shown {
				n++
			}
		}
		sh.mu.Unlock()
	}
	return n
}

// log is what the room was shown so far.
func (r *rooms) log(id int64) []kept {
	sh := r.of(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if x := sh.rooms[id]; x != nil {
		return x.log
	}
	return nil
}

func (r *rooms) ids() (all []int64) {
	for i := range r.shards {
		sh := &r.shards[i]
		sh.mu.Lock()
		for id := range sh.rooms {
			all = append(all, id)
		}
		sh.mu.Unlock()
	}
	return all
}

// Messages is what a room was shown so far, in order; 0: what all rooms were, in the order of time.
func (s *Sim) Messages(room int64) iter.Seq[Shown] {
	return func(yield func(Shown) bool) {
		if room != 0 {
			for _, k := range s.rooms.log(room) {
				if !yield(k.shown(room)) {
					return
				}
			}
			return
		}
		s.rooms.all(yield)
	}
}

func (r *rooms) all(yield func(Shown) bool) {
	type place struct {
		room int64
		log  []kept
		at   int
	}
	var all []place
	for _, id := range r.ids() {
		log := r.log(id)
		for i := range log {
			all = append(all, place{id, log, i})
		}
	}
	slices.SortFunc(all, func(a, b place) int { return cmp.Compare(a.log[a.at].order, b.log[b.at].order) })
	for _, p := range all {
		if !yield(p.log[p.at].shown(p.room)) {
			return
		}
	}
}

func (k *kept) shown(room int64) Shown {
	sender, rest := k.text[:k.sender], k.text[k.sender:]
	msgID, rest := rest[:k.msgID], rest[k.msgID:]
	return Shown{
		Room: room, Sender: sender, MsgID: msgID, Type: int(k.kind), Resend: k.flag,
		Attach: rest[:k.attach], Ext: rest[k.attach:], At: time.Unix(0, k.at),
	}
}
