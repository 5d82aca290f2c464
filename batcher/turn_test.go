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

func TestAProbeIsNotWaitedForAsLongAsItsRoom(t *testing.T) {
	b := New(usual())
	if w := b.WakeProbe(); !w.IsZero() {
		t.Errorf("empty: %v", w)
	}
	b.Add(msg{room: 1, id: "a"}.event(t))
	b.Trouble(1, at(time.Hour))
	if b.Probe(at(50*time.Millisecond)) != nil {
		t.Fatal("probed before the lane is due")
	}
	w := b.WakeProbe()
	if !w.Equal(at(100*time.Millisecond)) || !b.Wake().Equal(at(time.Hour)) {
		t.Fatalf("a probe at %v, any other call at %v: the room's backoff holds for the latter only", w, b.Wake())
	}
	if ids(b.Probe(w)) != "a " {
		t.Error("no probe when it was said")
	}
}
