package sender

import "hash/maphash"

// seenCount is how many messages are remembered as sent: hours of a busy worker's.
const seenCount = 1 << 20

// seen remembers the last messages that were sent, by 64-bit hashes, in a size that never changes: for
// 2^20 it is 16 MiB. Two different messages meet in one hash once in ten trillion; one of them then goes
// with resendFlag 1.
type seen struct {
	seed  maphash.Seed
	ring  []uint64 // hashes, the oldest at next
	table []uint32 // 1 + position in ring, by hash, with linear probing; 0: free
	next  int
	full  bool
}

// newSeen remembers count messages, a power of two.
func newSeen(count int) *seen {
	// Half full at most, so that a look takes two steps or so.
	return &seen{seed: maphash.MakeSeed(), ring: make([]uint64, count), table: make([]uint32, 2*count)}
}

// again says whether the message was sent before, and remembers it as the newest.
func (s *seen) again(room int64, msgID string) bool {
	h := maphash.String(s.seed, msgID) ^ maphash.Comparable(s.seed, room)
	if s.full {
		// One that was sent again since then stands at its newer place.
		if slot, there := s.find(s.ring[s.next]); there && s.table[slot] == uint32(s.next+1) {
			s.free(slot)
		}
	}
	slot, there := s.find(h)
	s.ring[s.next] = h
	s.table[slot] = uint32(s.next + 1)
	if s.next++; s.next == len(s.ring) {
		s.next, s.full = 0, true
	}
	return there
}

// home is the slot where h stands if no other took it before.
func (s *seen) home(h uint64) int { return int(h & uint64(len(s.table)-1)) }

func (s *seen) after(slot int) int { return (slot + 1) & (len(s.table) - 1) }

// find returns the slot of h, or the free one where it would be.
func (s *seen) find(h uint64) (slot int, there bool) {
	for i := s.home(h); ; i = s.after(i) {
		switch at := s.table[i]; {
		case at == 0:
			return i, false
		case s.ring[at-1] == h:
			return i, true
		}
	}
}

// free empties a slot and closes the gap, so that what lies behind it is still found.
func (s *seen) free(gap int) {
	mask := len(s.table) - 1
	for i := s.after(gap); s.table[i] != 0; i = s.after(i) {
		home := s.home(s.ring[s.table[i]-1])
		if (i-home)&mask >= (i-gap)&mask {
			s.table[gap] = s.table[i]
			gap = i
		}
	}
	s.table[gap] = 0
}
