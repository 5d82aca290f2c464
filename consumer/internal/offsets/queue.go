package offsets

import (
	"slices"
	"sort"
)

// queue holds the unsettled events in ascending order. A removed one stays as a tombstone until it is at
// the front or the tombstones outnumber the rest, so that removing costs a search and, spread over all
// removals, one move.
type queue struct {
	entries []entry
	head    int // entries before are gone; the one there, if any, is no tombstone
	live    int
}

type entry struct {
	offset int64
	sent   bool // it may have reached the API
	gone   bool // tombstone
}

// slack keeps short queues from being compacted all the time; 64 entries are 1 KiB.
const slack = 64

// push appends. offset must be above all that were pushed before.
func (q *queue) push(offset int64, sent bool) {
	q.entries = append(q.entries, entry{offset: offset, sent: sent})
	q.live++
}

// find returns nil if there is no such event. The pointer is good until the next push or remove.
func (q *queue) find(offset int64) *entry {
	rest := q.entries[q.head:]
	if len(rest) == 0 || offset < rest[0].offset {
		return nil
	}
	// Offsets differ by at least one, so it is at most this far from the front, and just there when no gap
	// and no compaction is between: twice as fast as searching right away on a mixed order.
	i := int(min(offset-rest[0].offset, int64(len(rest)-1)))
	if rest[i].offset != offset {
		i = sort.Search(i, func(i int) bool { return rest[i].offset >= offset })
	}
	if rest[i].offset != offset || rest[i].gone {
		return nil
	}
	return &rest[i]
}

func (q *queue) first() *entry {
	if q.live == 0 {
		return nil
	}
	return &q.entries[q.head]
}

func (q *queue) remove(offset int64) (sent, ok bool) {
	e := q.find(offset)
	if e == nil {
		return false, false
	}
	e.gone = true
	sent = e.sent
	q.live--
	for q.head < len(q.entries) && q.entries[q.head].gone {
		q.head++
	}
	if len(q.entries) > 2*q.live+slack {
		q.compact()
	}
	return sent, true
}

func (q *queue) compact() {
	rest := q.entries[:0]
	for _, e := range q.entries[q.head:] {
		if !e.gone {
			rest = append(rest, e)
		}
	}
	if cap(q.entries) > 4*len(rest)+4*slack {
		rest = slices.Clone(rest) // what a burst needed isn't kept
	}
	q.entries, q.head = rest, 0
}
