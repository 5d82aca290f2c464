package batcher

import (
	"fmt"
	"testing"
	"time"
)

func TestI9_ALaneWithAStreamOfEventsGoesNoMoreOftenThanOthers(t *testing.T) {
	b := New(usual())
	fill(t, b, 1, 50, 0)
	fill(t, b, 2, 10, time.Millisecond)
	fill(t, b, 3, 10, 2*time.Millisecond)
	var order []int64
	for now := at(5 * time.Millisecond); len(order) < 4; now = now.Add(time.Millisecond) {
		x := b.Next(now)
		order = append(order, x.Room)
		b.Done(x, now)
		b.Add(msg{room: 1, id: fmt.Sprint("more", len(order)), at: now.Sub(start)}.event(t))
	}
	if fmt.Sprint(order) != "[1 2 3 1]" {
		t.Errorf("turns %v: what comes in gave the lane back the turn of its head", order)
	}
}
