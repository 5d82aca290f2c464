package batcher

import (
	"container/heap"
	"time"
)

// laneHeap is the lanes of a room that wait for their turn, the one that is due first at the top.
type laneHeap []*lane

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h laneHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *laneHeap) Push(x any) {
	l := x.(*lane)
	l.index = len(*h)
	*h = append(*h, l)
}

func (h *laneHeap) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	l.index = -1
	return l
}

// roomHeap is rooms with a lane that waits, the one that may go first at the top.
type roomHeap []*room

var (
	_ heap.Interface = (*laneHeap)(nil)
	_ heap.Interface = (*roomHeap)(nil)
)

func (h roomHeap) Len() int           { return len(h) }
func (h roomHeap) Less(i, j int) bool { return h[i].ready.Before(h[j].ready) }
func (h roomHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *roomHeap) Push(x any) {
	r := x.(*room)
	r.index = len(*h)
	*h = append(*h, r)
}

func (h *roomHeap) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	if last == 0 {
		*h = nil // after a burst of rooms its list is as large as the burst
	}
	r.index = -1
	return r
}

// due says whether the first of the rooms may go.
func due(h roomHeap, now time.Time) bool { return len(h) > 0 && !h[0].ready.After(now) }
