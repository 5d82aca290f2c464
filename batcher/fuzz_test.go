package batcher

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"roomrelay/event"
)

// rooms, partitions, senders of the world in which FuzzBatcher plays: few, so that they meet.
const rooms = 4

// world is a Batcher and its model under the same orders.
type world struct {
	t     *testing.T
	b     *Batcher
	m     *model
	now   time.Time
	moves []byte
	kinds map[string]event.Event
	in    int // events added
	gone  int // ... that were done or dropped
}

// FuzzBatcher lets a Batcher and a naive model play the same moves: what comes out must be what may come
// out, at no other moment, and in the end nothing may be lost or left.
func FuzzBatcher(f *testing.F) {
	for seed := range uint64(64) {
		r := rand.New(rand.NewPCG(seed, 1))
		moves := make([]byte, 600)
		for i := range moves {
			moves[i] = byte(r.Uint32())
		}
		f.Add(moves)
	}
	kinds := map[string]event.Event{}
	f.Fuzz(func(t *testing.T, moves []byte) {
		if len(moves) > 4096 {
			return // the model looks at everything each time
		}
		w := &world{t: t, moves: moves, now: start, kinds: kinds}
		cfg := Config{
			Ordering: Ordering(w.choose(2)), Window: 100 * time.Millisecond, MaxBatch: []int{1, 3, 10}[w.choose(3)],
			MaxBytes: []int{600, 900, 512 << 10}[w.choose(3)], Slots: []int{1, 3, 12, 30}[w.choose(4)], RoomRate: []float64{0, 0, 20}[w.choose(3)],
		}
		w.b, w.m = New(cfg), newModel(cfg)
		for len(w.moves) > 0 && !t.Failed() {
			w.move()
			w.compare()
		}
		w.end()
	})
}

// choose reads a number below n.
func (w *world) choose(n int) int {
	if len(w.moves) == 0 {
		return 0
	}
	c := int(w.moves[0]) % n
	w.moves = w.moves[1:]
	return c
}

func (w *world) move() {
	room := int64(w.choose(rooms))
	switch w.choose(16) {
	case 0, 1, 2, 3, 4:
		w.add(room)
	case 5, 6:
		w.now = w.now.Add(time.Duration(w.choose(256)) * time.Millisecond / 4)
	case 7, 8, 9:
		w.next()
	case 10:
		w.probe()
	case 11:
		w.with(w.done)
	case 12:
		w.with(w.retry)
	case 13:
		w.with(w.ended)
	case 14:
		until := w.now.Add(time.Duration(w.choose(256)) * time.Millisecond)
		w.b.Trouble(room, until)
		w.m.until[room] = until
	case 15:
		if w.choose(8) == 0 {
			w.drop(int32(room % 2))
			return
		}
		w.b.Healthy(room)
		delete(w.m.until, room)
		w.m.forget()
	}
}

func (w *world) add(room int64) {
	extra := []string{"", "", "", `,"route":0`, `,"attach":"` + strings.Repeat("x", 400) + `"`}[w.choose(5)]
	k := msg{partition: int32(w.choose(2)), room: room, sender: []string{"ann", "ann", "bob"}[w.choose(3)], id: fmt.Sprint(w.choose(32)), extra: extra}
	key := fmt.Sprint(k)
	if _, ok := w.kinds[key]; !ok {
		w.kinds[key] = *k.event(w.t)
	}
	e := w.kinds[key]
	e.Arrived = w.now
	if w.choose(8) == 0 {
		e.NotBefore = w.now.Add(50 * time.Millisecond).Truncate(100 * time.Millisecond)
	}
	w.in++
	w.b.Add(&e)
	w.m.add(&e)
}

// next lets a turn be taken, if one may be.
func (w *world) next() {
	x := w.b.Next(w.now)
	healthy, at := w.m.turn(false)
	if at.After(w.now) {
		healthy = nil
	}
	trouble, at := w.m.turn(true)
	if at.After(w.now) {
		trouble = nil
	}
	if all, _ := w.m.inFlight(); all >= w.m.cfg.Slots {
		healthy, trouble = nil, nil
	}
	if x == nil {
		if len(healthy)+len(trouble) > 0 {
			w.t.Fatalf("nothing went, though %d and %d lanes may", len(healthy), len(trouble))
		}
		return
	}
	_, inTrouble := w.m.until[x.Room]
	switch {
	case !inTrouble:
		// Later than a tenth would be a room in trouble that starves.
		if len(trouble) > 0 && w.m.healthy > 11 {
			w.t.Fatalf("room %d goes, though rooms in trouble have waited for %d turns", x.Room, w.m.healthy)
		}
		w.m.healthy++
		w.taken(x, healthy)
	case len(healthy) > 0:
		if w.m.healthy < 9 {
			w.t.Fatalf("I9: a room in trouble goes after %d turns of others that are due", w.m.healthy)
		}
		w.m.healthy = 0
		w.taken(x, trouble)
	default:
		w.taken(x, trouble)
	}
}

func (w *world) probe() {
	x := w.b.Probe(w.now)
	lanes := w.m.probe(w.now)
	if all, _ := w.m.inFlight(); all >= w.m.cfg.Slots {
		lanes = nil
	}
	if x == nil {
		if len(lanes) > 0 {
			w.t.Fatalf("no probe, though %d lanes may go", len(lanes))
		}
		return
	}
	if w.m.cfg.RoomRate > 0 {
		// A pace is remembered beyond its end, and with it the room's last probe: any due lane will do.
		lanes = nil
		for _, l := range w.m.lanes {
			if due, ok := w.m.due(l); ok && !due.After(w.now) {
				lanes = append(lanes, l)
			}
		}
	}
	w.m.probes++
	w.m.probed[x.Room] = w.m.probes
	w.taken(x, lanes)
}

// taken checks a batch against the lanes of which it may be.
func (w *world) taken(x *Batch, lanes []*modelLane) {
	for _, l := range lanes {
		var want []*event.Event
		if l.batch != nil {
			if l.batch.Batch != x {
				continue
			}
			want = l.batch.Events
		} else {
			want, _ = w.m.run(l)
		}
		if l.partition == x.Partition && l.room == x.Room && slices.Equal(want, x.Events) {
			w.sound(x)
			w.m.took(l, x, w.now)
			return
		}
	}
	w.t.Fatalf("room %d went with %s: not its turn, or not its head run", x.Room, ids(x))
}

// sound checks what must be true of every batch, without the model.
func (w *world) sound(x *Batch) {
	seen := map[string]bool{}
	size := x.Events[0].EnvelopeBytes() - event.SeparatorBytes
	for _, e := range x.Events {
		size += event.SeparatorBytes + e.MessageBytes()
		if seen[e.MsgID] || !event.CanShare(x.Events[0], e) || e.Partition != x.Partition || e.NotBefore.After(w.now) {
			w.t.Fatalf("I12: %s has one that can't go with the others, or not now", ids(x))
		}
		seen[e.MsgID] = true
	}
	if n := len(x.Events); n > w.m.cfg.MaxBatch || n > 1 && size > w.m.cfg.MaxBytes {
		w.t.Fatalf("I12: %d messages, %d bytes", n, size)
	}
}

// with lets f do something to one of the batches whose turn it was.
func (w *world) with(f func(*modelBatch)) {
	var held []*modelBatch
	for _, x := range w.m.out {
		if x.again.IsZero() {
			held = append(held, x)
		}
	}
	if len(held) > 0 {
		f(held[w.choose(len(held))])
	}
}

func (w *world) done(x *modelBatch) {
	if x.lane != nil {
		w.gone += len(x.Events)
	}
	w.b.Done(x.Batch, w.now)
	w.m.done(x, w.now)
}

func (w *world) retry(x *modelBatch) {
	if x.lane == nil {
		w.b.Retry(x.Batch, w.now)
		w.m.done(x, w.now)
		return
	}
	n := w.choose(len(x.Events)) // some have their outcome
	w.gone += n
	x.Events = slices.Clone(x.Events[n:])
	x.again, x.out = w.now.Add(time.Duration(w.choose(256))*time.Millisecond), false
	w.b.Retry(x.Batch, x.again)
}

func (w *world) ended(x *modelBatch) {
	w.b.Ended(x.Batch)
	if x.out = false; x.lane == nil {
		w.m.done(x, w.now)
	}
}

func (w *world) drop(partition int32) {
	for _, l := range w.m.lanes {
		if l.partition != partition {
			continue
		}
		w.gone += len(l.events)
		if l.batch != nil {
			w.gone += len(l.batch.Events)
			if !l.batch.again.IsZero() { // nothing of it is on its way
				w.m.out = slices.DeleteFunc(w.m.out, func(x *modelBatch) bool { return x == l.batch })
			}
		}
	}
	w.b.Drop(partition)
	w.m.drop(partition)
}

// compare holds what a Batcher says of itself against the model.
func (w *world) compare() {
	all, _ := w.m.inFlight()
	want := Stats{Lanes: len(w.m.lanes), InFlight: all, Troubled: len(w.m.until)}
	for _, l := range w.m.lanes {
		want.Events += len(l.events)
	}
	got := w.b.Stats()
	got.RoomsKept = 0
	if got != want {
		w.t.Fatalf("%+v, want %+v", got, want)
	}
	if got, want := w.b.Wake(), w.m.wake(); !got.Equal(want) {
		w.t.Fatalf("I11: wake at %v, want %v", got.Sub(start), want.Sub(start))
	}
	for room := range int64(rooms) {
		if _, want := w.m.until[room]; w.b.InTrouble(room) != want {
			w.t.Fatalf("room %d in trouble: %v", room, !want)
		}
	}
}

// end lets everything go and looks for what is left.
func (w *world) end() {
	for room := range int64(rooms) {
		w.b.Healthy(room)
		delete(w.m.until, room)
	}
	for {
		for w.now = w.now.Add(time.Hour); ; {
			i := slices.IndexFunc(w.m.out, func(x *modelBatch) bool { return x.again.IsZero() })
			if i < 0 {
				break
			}
			w.done(w.m.out[i])
		}
		if w.next(); len(w.m.out) == 0 {
			break
		}
	}
	if s := w.b.Stats(); s != (Stats{}) || w.gone != w.in {
		w.t.Errorf("%+v left, %d of %d events came out", s, w.gone, w.in)
	}
}
