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
	given   int       // in the take that is under way
	index   int       // in the heap
}

func newQueue(letters []*deadletter.Entry, rate int) *queue {
	sorted := slices.Clone(letters)
	slices.SortFunc(sorted, firstStood)
	by := map[int64]*room{}
	q := &queue{rate: rate}
	for _, e := range sorted {
		if by[e.Room] == nil {
			by[e.Room] = &room{index: len(q.rooms)}
			q.rooms = append(q.rooms, by[e.Room])
		}
		by[e.Room].letters = append(by[e.Room].letters, e)
	}
	heap.Init(&q.rooms)
	return q
}

func firstStood(a, b *deadletter.Entry) int {
	x, y := &a.Identity, &b.Identity
	return cmp.Or(cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.TopicID, y.TopicID), cmp.Compare(x.Partition, y.Partition), cmp.Compare(x.Offset, y.Offset))
}

func (q *queue) empty() bool { return len(q.rooms) == 0 }

// mostBytes bounds what is taken at a time, by the letters' size: they are read into memory as a whole.
const mostBytes = 8 << 20

// take gives up to n letters that may go now, in the order in which they are to go. If there are none, next is
// when there will be some.
//
// Rooms give one letter after the other, the one that failed first before the others: so what is taken together
// stands together on the dead-letter topic, too. A room that has given any has its next turn a second later.
func (q *queue) take(now time.Time, n int) (letters []*deadletter.Entry, next time.Time) {
	bytes := 0
	var gave []*room
	for len(q.rooms) > 0 && len(letters) < n && bytes < mostBytes {
		r := q.rooms[0]
		if r.due.After(now) {
			break
		}
		if r.given == 0 {
			gave = append(gave, r)
		}
		letters = append(letters, r.letters[0])
		bytes += int(r.letters[0].Size)
		r.letters = r.letters[1:]
		r.given++
		if len(r.letters) == 0 {
			heap.Pop(&q.rooms)
			continue
		}
		if q.rate > 0 && r.given == q.rate {
			r.due = now.Add(time.Second)
		}
		heap.Fix(&q.rooms, 0)
	}
	for _, r := range gave {
		r.given = 0
		if q.rate > 0 && len(r.letters) > 0 {
			r.due = now.Add(time.Second)
			heap.Fix(&q.rooms, r.index)
		}
	}
	if len(q.rooms) > 0 {
		next = q.rooms[0].due
	}
	slices.SortStableFunc(letters, firstStood)
	return letters, next
}

// rooms is a heap: the room that is due first is at the head; of several the one whose next letter failed first.
type rooms []*room

func (h rooms) Len() int { return len(h) }
func (h rooms) Less(i, j int) bool {
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	a, b := h[i].letters[0], h[j].letters[0]
	return cmp.Or(cmp.Compare(a.FailedAt, b.FailedAt), firstStood(a, b)) < 0
}

func (h rooms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *rooms) Push(x any) {
	r := x.(*room)
	r.index = len(*h)
	*h = append(*h, r)
}

// Pop implements heap.Interface.
func (h *rooms) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
