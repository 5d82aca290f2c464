package offsets

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world is one partition, the stored commit, the API's memory, and the tracker of the present owner. It
// knows each offset by itself, which the tracker must not need to.
type world struct {
	t       *testing.T
	now     time.Time
	end     int64
	exists  map[int64]bool
	settled map[int64]bool // by whomever
	sent    map[int64]bool // may have reached the API, and isn't settled
	stored  *Commit
	lost    bool // a commit overflowed: what it left out is handed out again
	late    *Commit
	lateAt  int32 // the coordinator that it went to
	until   time.Time
	node    int32 // the coordinator

	x       *Tracker
	held    map[int64]bool // admitted by x, not settled by it
	began   map[int64]bool // begun by x or in doubt to it
	pending *Commit
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: t0, exists: map[int64]bool{}, settled: map[int64]bool{}, sent: map[int64]bool{}}
	w.take(Low{})
	return w
}

// take begins a new assignment from what is stored.
func (w *world) take(low Low) {
	in := Takeover{LogEnd: w.end, Low: low}
	if w.stored != nil {
		in.Start = w.stored.Offset
		meta, err := Decode(w.stored.Metadata, w.stored.Offset)
		if err != nil {
			w.t.Fatalf("%+v: %v", w.stored, err)
		}
		in.Meta = meta
	}
	w.x = New(in)
	w.x.limit = 38 // a few runs
	w.held, w.began, w.pending = map[int64]bool{}, map[int64]bool{}, nil
}

// produce appends up to n events, with a gap before them.
func (w *world) produce(gap, n int64) {
	w.end += gap
	for range n {
		w.exists[w.end] = true
		w.end++
	}
}

// read hands out up to n events below the limit.
func (w *world) read(n int64) {
	for o := w.x.Seen(); o < w.end && n > 0; o++ {
		if !w.exists[o] {
			w.x.Position(o + 1)
			continue
		}
		if w.x.Position(o); o >= w.x.Limit() {
			return
		}
		n--
		inDoubt, ok := w.x.Admit(o)
		if !ok {
			if !w.settled[o] {
				w.t.Fatalf("%d is passed over and was never settled", o)
			}
			w.x.Position(o + 1)
			continue
		}
		if w.sent[o] && !inDoubt {
			w.t.Fatalf("%d may have been sent and isn't in doubt", o)
		}
		if w.settled[o] && !inDoubt && !w.lost {
			w.t.Fatalf("%d was settled and is handed out without doubt", o)
		}
		w.held[o] = true
		if inDoubt {
			w.began[o] = true
		}
	}
}

// pick returns one of the events that are held.
func (w *world) pick(arg byte) (int64, bool) {
	all := slices.Sorted(maps.Keys(w.held))
	if len(all) == 0 {
		return 0, false
	}
	return all[int(arg)%len(all)], true
}

func (w *world) commit(ahead int64, last bool) {
	if w.pending != nil {
		return
	}
	c := w.x.Commit(w.now, ahead, last)
	w.check(c)
	w.pending = &c
	if last && !c.Overflow && len(w.began) == 0 && w.x.Clean() && c.SentTo != c.Offset {
		w.t.Fatalf("a clean end with sentTo %d at %d", c.SentTo, c.Offset)
	}
}

// check holds c against what is known of each offset.
func (w *world) check(c Commit) {
	meta, err := Decode(c.Metadata, c.Offset)
	if err != nil || len(c.Metadata) > w.x.limit && len(meta.Settled) > 0 || c.SentTo != meta.SentTo {
		w.t.Fatalf("%+v: %v", c, err)
	}
	least := w.x.Seen()
	for o := range w.held {
		least = min(least, o)
	}
	if c.Offset != least {
		w.t.Fatalf("offset %d, the least unsettled one is %d", c.Offset, least)
	}
	for o := range w.exists {
		told := o < c.Offset || meta.Settled.Contains(o)
		if told && !w.settled[o] {
			w.t.Fatalf("%+v passes %d, which is unsettled", c, o)
		}
		if w.sent[o] && !told && o >= c.SentTo {
			w.t.Fatalf("%+v: %d may have been sent", c, o)
		}
		if w.settled[o] && !told && !w.held[o] && o < w.x.Seen() && (!c.Overflow || o >= c.SentTo) {
			w.t.Fatalf("%+v leaves out %d, which is settled; overflow %v", c, o, c.Overflow)
		}
	}
}

// answer ends the commit under way. An unanswered one is applied, or comes late, or never; an undecided one is applied
// or not. A coordinator that resigned applies nothing later: its successor's answer ends what it had.
func (w *world) answer(how byte) {
	if w.pending == nil {
		return
	}
	c := w.pending
	w.pending = nil
	switch how % 7 {
	case 0, 1:
		w.store(c)
		w.x.Acked(w.node)
		if w.late != nil && w.lateAt != w.node {
			w.late = nil
		}
	case 2:
		w.x.Refused()
	case 3:
		w.store(c)
		w.x.Unanswered(w.node, w.now.Add(10*time.Second))
	case 4:
		w.late, w.lateAt, w.until = c, w.node, w.now.Add(10*time.Second)
		w.x.Unanswered(w.node, w.until)
	case 5:
		w.store(c)
		w.x.Undecided()
	case 6:
		w.x.Undecided()
	}
}

func (w *world) store(c *Commit) {
	w.stored = c
	w.lost = w.lost || c.Overflow
}

// safe is the promise: whatever was sent and isn't settled is below the sentTo of what is stored, now and
// when a late commit comes.
func (w *world) safe() {
	for o := range w.sent {
		if w.stored == nil || o >= w.stored.SentTo || w.late != nil && o >= w.late.SentTo {
			w.t.Fatalf("%d was sent; stored %+v, late %+v", o, w.stored, w.late)
		}
	}
	doubtful := 0
	for o := range w.held {
		if w.began[o] {
			doubtful++
		}
	}
	if w.x.Unsettled() != len(w.held) || w.x.Doubtful() != doubtful {
		w.t.Fatalf("%d unsettled, %d doubtful; want %d, %d", w.x.Unsettled(), w.x.Doubtful(), len(w.held), doubtful)
	}
}

func (w *world) step(op, arg byte) {
	o, some := w.pick(arg)
	switch op % 13 {
	case 0:
		w.produce(int64(arg>>4)%3, int64(arg&15))
	case 1, 2:
		w.read(int64(arg) % 16)
	case 3:
		if some {
			w.x.Begin(o)
			w.sent[o], w.began[o] = true, true
		}
	case 4, 5:
		if some && w.x.Settle(o) {
			w.settled[o] = true
			delete(w.sent, o)
			delete(w.held, o)
			delete(w.began, o)
		}
	case 6:
		if some && !w.settled[o] { // the API doesn't say so of what an earlier owner delivered
			w.x.Absolve(o)
			delete(w.sent, o)
			delete(w.began, o)
		}
	case 7:
		w.commit(int64(arg)%16, false)
	case 8:
		w.answer(arg)
	case 9:
		w.now = w.now.Add(time.Duration(arg) * 50 * time.Millisecond)
		if w.late != nil && !w.now.Before(w.until) {
			w.late = nil
		}
	case 10:
		if w.late != nil && arg%2 == 0 {
			w.store(w.late)
			w.late = nil
		}
	case 11:
		w.finish(arg)
	case 12:
		w.node = int32(arg % 3)
	}
}

// finish ends the assignment: by death, or given up in order and taken by another process, which fences
// late commits, or by this one in the same generation.
func (w *world) finish(arg byte) {
	if arg%3 > 0 {
		w.answer(arg >> 2)
		w.commit(0, true)
		w.answer(arg >> 4)
	}
	if w.pending != nil {
		w.answer(4)
	}
	if arg%3 == 2 {
		w.take(w.x.Low())
		return
	}
	w.late = nil
	w.take(Low{})
}

// history plays ops, two bytes each.
func history(t *testing.T, ops []byte) {
	w := newWorld(t)
	for i := 0; i+1 < min(len(ops), 600); i += 2 {
		w.step(ops[i], ops[i+1])
		w.safe()
	}
}

func TestNoHistoryBreaksAPromise(t *testing.T) {
	random := rand.NewChaCha8([32]byte{})
	ops := make([]byte, 600)
	for range 2000 {
		random.Read(ops)
		history(t, ops)
	}
}

func FuzzTracker(f *testing.F) {
	f.Add([]byte{0, 31, 7, 10, 8, 0, 1, 9, 3, 0, 3, 2, 4, 2, 7, 9, 8, 0, 11, 0, 1, 9, 4, 1, 11, 1})
	f.Add([]byte{0, 15, 7, 15, 8, 0, 1, 15, 3, 4, 4, 3, 4, 5, 4, 7, 4, 9, 7, 0, 8, 4, 11, 2, 1, 15, 10, 0, 9, 255, 7, 3, 8, 1})
	f.Add([]byte{0, 15, 7, 15, 8, 0, 1, 15, 4, 1, 4, 2, 4, 3, 4, 4, 4, 5, 4, 6, 11, 1, 7, 15, 8, 0, 1, 15})
	f.Fuzz(history)
}
