package sender

import "hash/maphash"

const (
	seenCount = 1 << 20
	seenTable = 2 * seenCount // half full: a look takes two steps or so
)

// seen remembers the last 2^20 messages that were sent, by 64-bit hashes, in 16 MiB that never grow. Two
// different messages meet in one hash once in ten trillion; one of them then goes with resendFlag 1.
type seen struct {
	seed  maphash.Seed
	ring  []uint64 // hashes, the oldest at next
	table []uint32 // 1 + position in ring, by hash, with linear probing; 0: free
	next  int
	full  bool
}

func newSeen() *seen {
	return &seen{seed: maphash.MakeSeed(), ring: make([]uint64, seenCount), table: make([]uint32, seenTable)}
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
	if s.next++; s.next == seenCount {
		s.next, s.full = 0, true
	}
	return there
}

// find returns the slot of h, or the free one where it would be.
func (s *seen) find(h uint64) (slot int, there bool) {
	for i := int(h % seenTable); ; i = (i + 1) % seenTable {
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
	for i := (gap + 1) % seenTable; s.table[i] != 0; i = (i + 1) % seenTable {
		home := int(s.ring[s.table[i]-1] % seenTable)
		if (i-home+seenTable)%seenTable >= (i-gap+seenTable)%seenTable {
			s.table[gap] = s.table[i]
			gap = i
		}
	}
	s.table[gap] = 0
}
