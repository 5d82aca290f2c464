package batcher

import (
	"fmt"
	"testing"
	"time"

	"roomrelay/event"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

func usual() Config {
	return Config{Window: 100 * time.Millisecond, MaxBatch: 10, MaxBytes: 512 << 10, Slots: 64}
}

type msg struct {
	partition int32
	room      int64
	sender    string
	id        string
	extra     string // more members
	at        time.Duration
	notBefore time.Duration
}

func (m msg) event(t testing.TB) *event.Event {
	t.Helper()
	if m.sender == "" {
		m.sender = "ann"
	}
	value := fmt.Sprintf(`{"roomid":%d,"fromAccid":%q,"msgId":%q,"msgType":0%s}`, m.room, m.sender, m.id, m.extra)
	rec := event.Record{Partition: m.partition, Value: []byte(value), Arrived: at(m.at)}
	if m.notBefore > 0 {
		rec.NotBefore = at(m.notBefore)
	}
	e, err := event.Decode(rec)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func fill(t testing.TB, b *Batcher, room int64, n int, when time.Duration) {
	t.Helper()
	for i := range n {
		b.Add(msg{room: room, id: fmt.Sprint(i), at: when}.event(t))
	}
}

func ids(x *Batch) (s string) {
	if x == nil {
		return "-"
	}
	for _, e := range x.Events {
		s += e.MsgID + " "
	}
	return s
}

func TestI11_ALaneIsDueWhenItsHeadHasWaitedForTheWindow(t *testing.T) {
	b := New(usual())
	b.Add(msg{room: 1, id: "a", at: 0}.event(t))
	b.Add(msg{room: 1, id: "b", at: 99 * time.Millisecond}.event(t))
	if x := b.Next(at(100*time.Millisecond - 1)); x != nil {
		t.Errorf("%s went before the window", ids(x))
	}
	if w := b.Wake(); !w.Equal(at(100 * time.Millisecond)) {
		t.Errorf("wake %v", w)
	}
	x := b.Next(at(100 * time.Millisecond))
	if ids(x) != "a b " {
		t.Errorf("%s", ids(x))
	}
	// The next window counts from the next head's arrival, not from the last batch.
	b.Add(msg{room: 1, id: "c", at: 150 * time.Millisecond}.event(t))
	b.Done(x, at(400*time.Millisecond))
	if x := b.Next(at(400 * time.Millisecond)); ids(x) != "c " {
		t.Errorf("%s: waited long enough behind the first batch", ids(x))
	}
}

func TestI11_AFullRunIsDueAtOnceAndNoMoreThanFull(t *testing.T) {
	b := New(usual())
	fill(t, b, 1, 9, 0)
	if b.Next(at(0)) != nil {
		t.Error("nine of ten went before the window")
	}
	b.Add(msg{room: 1, id: "9"}.event(t))
	b.Add(msg{room: 1, id: "10"}.event(t))
	if x := b.Next(at(0)); x == nil || len(x.Events) != 10 {
		t.Errorf("%s", ids(x))
	}
}

func TestARunThatCannotGrowIsDueAtOnce(t *testing.T) {
	for name, next := range map[string]msg{
		"another sender":    {sender: "bob", id: "b"},
		"other options":     {id: "b", extra: `,"route":0`},
		"the same msgId":    {id: "a"},
		"no room for bytes": {id: "b", extra: `,"attach":"` + string(make([]byte, 0)) + fmt.Sprintf("%01000d", 0) + `"`},
		"in doubt":          {id: "b", notBefore: time.Second},
	} {
		cfg := usual()
		cfg.Ordering, cfg.MaxBytes = ByRoom, 600
		b := New(cfg)
		b.Add(msg{id: "a"}.event(t))
		next.at = 10 * time.Millisecond
		b.Add(next.event(t))
		if x := b.Next(at(9 * time.Millisecond)); x != nil {
			t.Errorf("%s: due before the next came", name)
		}
		x := b.Next(at(10 * time.Millisecond))
		if ids(x) != "a " {
			t.Errorf("%s: %s, want a alone at once", name, ids(x))
			continue
		}
		b.Done(x, at(10*time.Millisecond))
		if x := b.Next(at(2 * time.Second)); x == nil || x.Events[0].MsgID != next.id {
			t.Errorf("%s: %s, want the next one alone, over the cap or not", name, ids(x))
		}
	}
}

func TestLateSealing_WhatComesWhileNoSlotIsFreeStillFillsTheBatch(t *testing.T) {
	cfg := usual()
	cfg.Slots = 1
	b := New(cfg)
	fill(t, b, 1, 1, 0)
	fill(t, b, 2, 1, 0)
	first := b.Next(at(time.Second))
	if b.Next(at(time.Second)) != nil {
		t.Fatal("a second batch, though there is one slot")
	}
	for i := range 5 {
		b.Add(msg{room: 2, id: fmt.Sprint("late", i), at: time.Second}.event(t))
	}
	b.Done(first, at(time.Second))
	if x := b.Next(at(time.Second)); len(x.Events) != 6 {
		t.Errorf("%s", ids(x))
	}
}

func TestI6_OneBatchOfALaneAtATimeAlsoWhileItIsRetried(t *testing.T) {
	b := New(usual())
	fill(t, b, 1, 25, 0)
	x := b.Next(at(0))
	if b.Next(at(time.Hour)) != nil {
		t.Fatal("a second batch of the lane")
	}
	x.Events = x.Events[3:]
	b.Retry(x, at(time.Second))
	if b.Next(at(time.Second-1)) != nil {
		t.Error("went before its time")
	}
	if b.Stats().InFlight != 0 {
		t.Error("a lane in backoff holds a slot")
	}
	if y := b.Next(at(time.Second)); y != x || len(y.Events) != 7 {
		t.Errorf("got %s, want what is left of the same batch", ids(y))
	}
	b.Ended(x)
	if b.Next(at(time.Hour)) != nil {
		t.Error("went on while a letter is being written")
	}
	b.Done(x, at(time.Second))
	if y := b.Next(at(time.Second)); y == nil || y.Events[0].MsgID != "10" {
		t.Errorf("got %s", ids(y))
	}
}

func TestTurnsGoByWhenALaneLastBecameDue(t *testing.T) {
	b := New(usual())
	fill(t, b, 1, 30, 0)
	fill(t, b, 2, 10, time.Millisecond)
	fill(t, b, 3, 10, 2*time.Millisecond)
	var order []int64
	for now := at(5 * time.Millisecond); len(order) < 5; now = now.Add(time.Millisecond) {
		x := b.Next(now)
		order = append(order, x.Room)
		b.Done(x, now)
	}
	if fmt.Sprint(order) != "[1 2 3 1 1]" {
		t.Errorf("turns %v: a lane with a backlog queues again after each batch", order)
	}
}

func TestDoubtWaits(t *testing.T) {
	b := New(usual())
	b.Add(msg{room: 1, id: "a", notBefore: 5 * time.Second}.event(t))
	b.Add(msg{room: 1, id: "b"}.event(t))
	b.Add(msg{room: 2, id: "c"}.event(t))
	if x := b.Next(at(time.Second)); ids(x) != "c " {
		t.Errorf("%s: another lane doesn't wait", ids(x))
	}
	if x := b.Next(at(5*time.Second - 1)); x != nil {
		t.Errorf("%s went though it must wait", ids(x))
	}
	if x := b.Probe(at(5*time.Second - 1)); x != nil {
		t.Errorf("%s probed though it must wait", ids(x))
	}
	if x := b.Next(at(5 * time.Second)); ids(x) != "a b " {
		t.Errorf("%s: what came behind has waited with it", ids(x))
	}
}

func TestI9_RoomsInTroubleShareATenth(t *testing.T) {
	cfg := usual()
	cfg.Slots = 30
	b := New(cfg)
	for room := int64(1); room <= 50; room++ { // 20 lanes each; rooms up to 10 are in trouble
		for s := range 20 {
			for i := range 50 {
				b.Add(msg{room: room, sender: fmt.Sprint(s), id: fmt.Sprint(i)}.event(t))
			}
		}
		if room <= 10 {
			b.Trouble(room, at(0))
		}
	}
	now := at(time.Second)
	var healthy, troubled int
	var held []*Batch
	for range 1000 {
		now = now.Add(time.Millisecond)
		x := b.Next(now)
		if x == nil {
			t.Fatal("nothing goes")
		}
		if x.Room > 10 {
			healthy++
			b.Done(x, now)
			continue
		}
		troubled++
		for _, y := range held {
			if y.Room == x.Room {
				t.Fatal("two calls of one room in trouble")
			}
		}
		if held = append(held, x); len(held) > 3 {
			t.Fatalf("%d of 30 slots for rooms in trouble", len(held))
		}
		if len(held) == 3 && troubled%2 == 0 {
			b.Done(held[0], now)
			held = held[1:]
		}
	}
	if troubled > healthy/9 {
		t.Errorf("%d turns of rooms in trouble, %d of others: more than a tenth", troubled, healthy)
	}
	if troubled < 3 {
		t.Errorf("%d turns of rooms in trouble: they starve", troubled)
	}
}

func TestTroubleHasOneBackoffAndEndsWithHealthy(t *testing.T) {
	b := New(usual())
	fill(t, b, 1, 10, 0)
	b.Trouble(1, at(time.Minute))
	if b.Next(at(time.Minute-1)) != nil {
		t.Error("went in its backoff")
	}
	if w := b.Wake(); !w.Equal(at(time.Minute)) {
		t.Errorf("wake %v", w)
	}
	b.Healthy(1)
	if b.InTrouble(1) || b.Next(at(0)) == nil {
		t.Error("still held back")
	}
}

func TestProbesTakeRoomsInTurnWhateverTheirBackoff(t *testing.T) {
	b := New(usual())
	for room := int64(1); room <= 3; room++ {
		fill(t, b, room, 10, 0)
		b.Trouble(room, at(time.Hour))
	}
	seen := map[int64]int{}
	for range 6 {
		x := b.Probe(at(time.Second))
		seen[x.Room]++
		b.Retry(x, at(time.Second))
	}
	if fmt.Sprint(seen) != "map[1:2 2:2 3:2]" {
		t.Errorf("probes %v", seen)
	}
}

func TestDropForgetsAPartitionAndFreesItsSlotsWhenTheyEnd(t *testing.T) {
	b := New(usual())
	b.Add(msg{partition: 1, room: 1, id: "a"}.event(t))
	b.Add(msg{partition: 1, room: 1, id: "b"}.event(t))
	b.Add(msg{partition: 2, room: 2, id: "c"}.event(t))
	x := b.Next(at(time.Second))
	b.Drop(1)
	b.Drop(1)
	if s := b.Stats(); s.InFlight != 1 || s.Lanes != 1 {
		t.Errorf("%+v", s)
	}
	b.Retry(x, at(0))
	b.Done(x, at(0))
	if s := b.Stats(); s.InFlight != 0 || s.Lanes != 1 || s.RoomsKept != 1 {
		t.Errorf("%+v", s)
	}
	if y := b.Next(at(time.Second)); ids(y) != "c " {
		t.Errorf("%s", ids(y))
	}
}

func TestRoomRateSpacesTheBatchesOfARoom(t *testing.T) {
	cfg := usual()
	cfg.RoomRate = 20
	b := New(cfg)
	fill(t, b, 1, 40, 0)
	var went []time.Duration
	for now := time.Duration(0); len(went) < 4; now += time.Millisecond {
		if x := b.Next(at(now)); x != nil {
			went = append(went, now)
			b.Done(x, at(now))
		}
	}
	if fmt.Sprint(went) != "[0s 500ms 1s 1.5s]" {
		t.Errorf("went at %v", went)
	}
	b.Next(at(time.Hour))
	if s := b.Stats(); s.RoomsKept != 0 {
		t.Errorf("%+v: a pace that is over is forgotten", s)
	}
}

func TestI7_AMillionLanesSeenOnceLeaveNothing(t *testing.T) {
	b := New(usual())
	for wave := range 20 { // of as many as the consumer lets in at once
		for i := range 50_000 {
			b.Add(&event.Event{Room: int64(wave*50_000 + i), Sender: "ann", MsgID: "m", Record: event.Record{Arrived: start}})
		}
		for x := b.Next(at(time.Second)); x != nil; x = b.Next(at(time.Second)) {
			if x.Room%1000 == 0 {
				b.Trouble(x.Room, at(0))
				b.Healthy(x.Room)
			}
			b.Done(x, at(time.Second))
		}
	}
	if s := b.Stats(); s != (Stats{}) || b.peakLanes >= shrinkFrom || b.peakRooms >= shrinkFrom || cap(b.healthy) > 0 {
		t.Errorf("%+v, maps made for %d lanes and %d rooms, a list of %d", s, b.peakLanes, b.peakRooms, cap(b.healthy))
	}
}

func TestI7_RoomsInTroubleWithoutLanesAreBounded(t *testing.T) {
	b := New(usual())
	for i := range int64(100_000) {
		b.Trouble(i, at(0))
	}
	if s := b.Stats(); s.RoomsKept > 2*calmRooms+1 || s.Troubled != s.RoomsKept {
		t.Errorf("%+v", s)
	}
	if !b.InTrouble(99_999) || b.InTrouble(0) {
		t.Error("the oldest is to be forgotten, the newest kept")
	}
}

func BenchmarkLaneAddAndSeal(b *testing.B) {
	for _, rooms := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprint("rooms=", rooms), func(b *testing.B) {
			events := make([]*event.Event, 10*max(rooms, 1000))
			for i := range events {
				events[i] = msg{room: int64(i % rooms), id: fmt.Sprint(i)}.event(b)
			}
			x := New(usual())
			now := at(time.Second)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				x.Add(events[n%len(events)])
				if n++; n%len(events) == 0 {
					for y := x.Next(now); y != nil; y = x.Next(now) {
						x.Done(y, now)
					}
				}
			}
		})
	}
}
