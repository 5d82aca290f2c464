package replay

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"roomrelay/deadletter"
)

// queue gives letters out by room, each room's in the order in which their events first stood, and no more
// than rate of a room a second.
type queue struct {
	rate  int
	rooms rooms
}

// room is what is left of one room.
type room struct {
	letters []*deadletter.Entry
	due     time.Time // of the next ones
}

func newQueue(letters []*deadletter.Entry, rate int) *queue {
	sorted := slices.Clone(letters)
	slices.SortFunc(sorted, firstStood)
	by := map[int64]*room{}
	q := &queue{rate: rate}
	for _, e := range sorted {
		if by[e.Room] == nil {
			by[e.Room] = &room{}
			q.rooms = append(q.rooms, by[e.Room])
		}
		by[e.Room].letters = append(by[e.Room].letters, e)
	}
	heap.Init(&q.rooms)
	return q
}

func firstStood(a, b *deadletter.Entry) int {
	x, y := &a.Identity, &b.Identity
	return cmp.Or(cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition), cmp.Compare(x.Offset, y.Offset))
}

func (q *queue) empty() bool { return len(q.rooms) == 0 }

// mostBytes bounds what is taken at a time, by the letters' size: they are read into memory as a whole.
const mostBytes = 8 << 20

// take gives up to n letters that may go now, in the order in which they are to go. If there are none, next is
// when there will be some.
func (q *queue) take(now time.Time, n int) (letters []*deadletter.Entry, next time.Time) {
	bytes := 0
	for len(q.rooms) > 0 && len(letters) < n && bytes < mostBytes {
		r := q.rooms[0]
		if r.due.After(now) {
			break
		}
		k := min(n-len(letters), len(r.letters))
		if q.rate > 0 {
			k = min(k, q.rate)
		}
		for i, e := range r.letters[:k] {
			if bytes += int(e.Size); bytes >= mostBytes {
				k = i + 1
				break
			}
		}
		letters = append(letters, r.letters[:k]...)
		r.letters = r.letters[k:]
		if len(r.letters) == 0 {
			heap.Pop(&q.rooms)
			continue
		}
		if q.rate > 0 {
			// In proportion: fewer than the rate, and the next ones may go sooner.
			r.due = now.Add(time.Second * time.Duration(k) / time.Duration(q.rate))
		}
		heap.Fix(&q.rooms, 0)
	}
	if len(q.rooms) > 0 {
		next = q.rooms[0].due
	}
	slices.SortStableFunc(letters, firstStood)
	return letters, next
}

// rooms is a heap: the room that is due first is at the head; of several the one whose next letter first stood
// first.
type rooms []*room

func (h rooms) Len() int { return len(h) }
func (h rooms) Less(i, j int) bool {
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	return firstStood(h[i].letters[0], h[j].letters[0]) < 0
}
func (h rooms) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *rooms) Push(x any) { *h = append(*h, x.(*room)) }

// Pop implements heap.Interface.
func (h *rooms) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
