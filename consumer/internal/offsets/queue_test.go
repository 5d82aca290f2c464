package offsets

import (
	"math/rand/v2"
	"testing"
)

func TestMemoryFollowsWhatIsUnsettled(t *testing.T) {
	x := begun(t, 0)
	admit(t, x, 10) // stays unsettled all along
	for o := int64(11); o < 1_000_000; o++ {
		x.Admit(o)
		x.Settle(o)
	}
	if n := cap(x.unsettled.entries); n > 1000 {
		t.Fatalf("room for %d entries, one is unsettled", n)
	}
	for o := int64(1_000_000); o < 1_100_000; o++ {
		x.Admit(o)
	}
	for o := int64(1_099_999); o >= 1_000_000; o-- {
		x.Settle(o)
	}
	if n := cap(x.unsettled.entries); n > 1000 || x.Unsettled() != 1 || x.Watermark() != 10 {
		t.Fatalf("room for %d entries after a burst, %d unsettled, watermark %d", n, x.Unsettled(), x.Watermark())
	}
}

func TestHugeGapsCostNothing(t *testing.T) {
	x := begun(t, 0)
	const far = 1 << 60
	admit(t, x, 10, 20, far)
	settle(t, x, 20)
	c := x.Commit(t0, 0, false)
	if m := next(t, c); len(m.Settled) != 1 || m.Settled[0] != (Run{11, 21}) || c.SentTo != far+1 {
		t.Fatalf("commit %+v", c)
	}
	x.Acked(1)
	settle(t, x, 10, far)
	if x.Watermark() != far+1 {
		t.Fatalf("watermark %d", x.Watermark())
	}
	x.Position(1<<63 - 5)
	if c := x.Commit(t0, 100, false); c.SentTo != 1<<63-1 {
		t.Fatalf("commit %+v", c)
	}
}

// BenchmarkTracker admits, begins and settles each event, out of order within 10,000 of them, with one in
// a hundred left for long.
func BenchmarkTracker(b *testing.B) {
	const window = 10_000
	random := rand.New(rand.NewPCG(1, 2))
	waiting := make([]int64, 0, window)
	x := New(Takeover{})
	for o := int64(0); b.Loop(); o++ {
		x.Admit(o)
		if len(waiting) < window {
			waiting = append(waiting, o)
			continue
		}
		i := random.IntN(window)
		if random.IntN(100) == 0 {
			i = random.IntN(100)
		}
		x.Begin(waiting[i])
		x.Settle(waiting[i])
		waiting[i] = o
	}
}

func BenchmarkCommit(b *testing.B) {
	x := New(Takeover{})
	for o := range int64(50_000) {
		x.Admit(o)
	}
	for o := int64(1); o < 50_000; o += 2 {
		x.Settle(o)
	}
	for b.Loop() {
		x.Commit(t0, 1000, false)
		x.Acked(1)
	}
}
