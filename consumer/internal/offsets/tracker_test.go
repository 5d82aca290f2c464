package offsets

import (
	"errors"
	"slices"
	"testing"
	"time"
)

var t0 = time.Unix(1_700_000_000, 0)

// begun is a tracker that took over at 10 with nothing in doubt, and whose first commit is acknowledged.
func begun(t *testing.T, ahead int64) *Tracker {
	t.Helper()
	x := New(Takeover{Start: 10, LogEnd: 10})
	x.Commit(t0, ahead, false)
	x.Acked(1)
	return x
}

func admit(t *testing.T, x *Tracker, offsets ...int64) {
	t.Helper()
	for _, o := range offsets {
		if _, ok := x.Admit(o); !ok {
			t.Fatalf("%d isn't wanted", o)
		}
	}
}

func settle(t *testing.T, x *Tracker, offsets ...int64) {
	t.Helper()
	for _, o := range offsets {
		if !x.Settle(o) {
			t.Fatalf("%d wasn't unsettled", o)
		}
	}
}

func span(from, to int64) (all []int64) {
	for o := from; o < to; o++ {
		all = append(all, o)
	}
	return all
}

// next is what the next owner reads of c.
func next(t *testing.T, c Commit) *Meta {
	t.Helper()
	m, err := Decode(c.Metadata, c.Offset)
	if err != nil || m.SentTo != c.SentTo {
		t.Fatalf("commit %+v: %+v, %v", c, m, err)
	}
	return m
}

func TestNoCommitPassesAnUnsettledEvent(t *testing.T) {
	x := begun(t, 100)
	admit(t, x, 10, 11, 12, 15, 16)
	settle(t, x, 11, 15)
	if x.Watermark() != 10 || x.Settle(11) || x.Unsettled() != 3 {
		t.Fatalf("watermark %d", x.Watermark())
	}
	c := x.Commit(t0, 100, false)
	if c.Offset != 10 {
		t.Fatalf("commit %+v", c)
	}
	// 13 and 14 don't exist.
	if m := next(t, c); !slices.Equal(m.Settled, Set{{11, 12}, {13, 16}}) {
		t.Fatalf("settled %v", m.Settled)
	}
	x.Acked(1)
	settle(t, x, 10, 12)
	if x.Watermark() != 16 || x.Settle(12) || x.Settle(13) || x.Settle(99) {
		t.Fatalf("watermark %d", x.Watermark())
	}
	settle(t, x, 16)
	if x.Watermark() != 17 || x.Unsettled() != 0 {
		t.Fatalf("watermark %d, %d unsettled", x.Watermark(), x.Unsettled())
	}
	x.Position(30)
	if c := x.Commit(t0, 0, false); c.Offset != 30 || len(next(t, c).Settled) != 0 {
		t.Fatalf("commit %+v", c)
	}
}

func TestAwaitNothingIsAllowedBeforeTheAcknowledgement(t *testing.T) {
	x := New(Takeover{Start: 10, LogEnd: 10})
	if x.Limit() != 10 {
		t.Fatalf("limit %d without a commit", x.Limit())
	}
	c := x.Commit(t0, 5, false)
	if c.SentTo != 15 || x.Limit() != 10 {
		t.Fatalf("commit %+v, limit %d before its answer", c, x.Limit())
	}
	x.Refused()
	if x.Limit() != 10 {
		t.Fatalf("limit %d after a refusal", x.Limit())
	}
	x.Commit(t0, 5, false)
	x.Acked(1)
	if x.Limit() != 15 {
		t.Fatalf("limit %d", x.Limit())
	}
	if c := x.Commit(t0, 1, false); c.SentTo != 15 {
		t.Fatalf("sentTo fell to %d while running", c.SentTo)
	}
}

func TestCommitOnTakeWhereThereIsNone(t *testing.T) {
	for _, in := range []Takeover{{Start: 3, LogEnd: 9}, {Start: 3, LogEnd: 9, Fresh: true}, {Start: 9, LogEnd: 9}} {
		x := New(in)
		if x.Limit() != in.Start || !x.Dirty(t0) {
			t.Fatalf("%+v: limit %d before the first commit, dirty %v", in, x.Limit(), x.Dirty(t0))
		}
		if c := x.Commit(t0, 0, false); c.Offset != in.Start {
			t.Fatalf("%+v: commit %+v", in, c)
		}
		x.Acked(1)
		if x.Dirty(t0) {
			t.Fatalf("%+v: dirty without news", in)
		}
	}
}

func TestDirtySaysThatThereAreNews(t *testing.T) {
	x := begun(t, 10)
	clean := func() {
		t.Helper()
		x.Commit(t0, 10, false)
		if x.Acked(1); x.Dirty(t0) {
			t.Fatal("dirty after a commit")
		}
	}
	clean()
	for i, f := range []func(){
		func() { x.Admit(x.Seen()) },
		func() { x.Settle(x.Watermark()) },
		func() { x.Position(x.Seen() + 1) },
	} {
		clean()
		if f(); !x.Dirty(t0) {
			t.Fatalf("not dirty after step %d", i)
		}
	}
	clean()
	admit(t, x, x.Seen())
	x.Commit(t0, 10, false)
	settle(t, x, x.Watermark())
	if x.Acked(1); !x.Dirty(t0) {
		t.Fatal("what came after the commit was made counts as told")
	}
	x.Commit(t0, 10, false)
	if x.Refused(); !x.Dirty(t0) {
		t.Fatal("a refused commit counts as told")
	}
}

func TestFlagBelowAndSkipSet(t *testing.T) {
	x := New(Takeover{Start: 10, LogEnd: 100, Meta: &Meta{Offset: 10, SentTo: 20, Settled: Set{{12, 14}, {30, 31}}}})
	if x.Doubt() != OwnerGone || x.Limit() != 20 {
		t.Fatalf("doubt %v, limit %d", x.Doubt(), x.Limit())
	}
	for o := int64(10); o < 32; o++ {
		inDoubt, ok := x.Admit(o)
		if settled := o == 12 || o == 13 || o == 30; ok == settled || ok && inDoubt != (o < 20) {
			t.Fatalf("%d: admitted %v, in doubt %v", o, ok, inDoubt)
		}
	}
	if _, again := x.Admit(11); again {
		t.Fatal("handed out twice")
	}
	if x.Doubtful() != 8 || x.Unsettled() != 19 {
		t.Fatalf("%d in doubt of %d", x.Doubtful(), x.Unsettled())
	}
}

func TestNoMetaFlagAndInheritEnd(t *testing.T) {
	x := New(Takeover{Start: 10, LogEnd: 50})
	if x.Doubt() != OwnerGone {
		t.Fatalf("doubt %v", x.Doubt())
	}
	if c := x.Commit(t0, 1, false); c.SentTo != 50 {
		t.Fatalf("commit %+v: sentTo isn't the inherited one", c)
	}
	x.Refused()
	admit(t, x, 10)
	x.Position(49)
	if inDoubt, ok := x.Admit(49); !ok || !inDoubt {
		t.Fatal("below the log end nothing is free of doubt")
	}
	if inDoubt, ok := x.Admit(50); !ok || inDoubt {
		t.Fatal("in doubt though it came after the takeover")
	}
	fresh := New(Takeover{Start: 10, LogEnd: 50, Fresh: true})
	if inDoubt, _ := fresh.Admit(10); inDoubt || fresh.Doubt() != NoDoubt {
		t.Fatal("a fresh group has nothing in doubt")
	}
}

func TestDoubtEndsAtTheLogEnd(t *testing.T) {
	in := Takeover{Start: 10, LogEnd: 15, Meta: &Meta{Offset: 10, SentTo: 1000}}
	x := New(in)
	admit(t, x, span(10, 16)...)
	if x.Doubtful() != 5 {
		t.Fatalf("%d in doubt, but a dead owner can't have sent what came later", x.Doubtful())
	}
	if c := x.Commit(t0, 0, false); c.SentTo != 1000 {
		t.Fatalf("commit %+v: sentTo below the inherited one", c)
	}
	in.Meta.Owner = "a" // the earlier process may still be alive
	x = New(in)
	admit(t, x, span(10, 16)...)
	if x.Doubtful() != 6 {
		t.Fatalf("%d in doubt, though its owner may go on", x.Doubtful())
	}
}

func TestInheritNoCommitNamesALowerSentTo(t *testing.T) {
	// The second one can't send before its own commit is acknowledged.
	for _, ours := range []string{"", "b"} {
		x := New(Takeover{Start: 10, LogEnd: 100, InstanceID: ours, Meta: &Meta{Offset: 10, SentTo: 40, Owner: "a"}})
		admit(t, x, 10, 11)
		settle(t, x, 10)
		for _, last := range []bool{false, true} {
			if c := x.Commit(t0, 1, last); c.SentTo != 40 {
				t.Fatalf("owner %q, last %v: %+v", ours, last, c)
			}
			x.Refused()
		}
	}
}

func TestCleanInherits(t *testing.T) {
	x := New(Takeover{Start: 10, LogEnd: 13, Meta: &Meta{Offset: 10, SentTo: 13}})
	admit(t, x, 10, 11)
	settle(t, x, 10)
	if x.Clean() {
		t.Fatal("11 is in doubt, and 12 wasn't even read")
	}
	settle(t, x, 11)
	if x.Clean() {
		t.Fatal("12 is in doubt, though it wasn't read")
	}
	if c := x.Commit(t0, 0, true); c.SentTo != 13 {
		t.Fatalf("last commit %+v", c)
	}
	x.Acked(1)
	admit(t, x, 12)
	if x.Clean() {
		t.Fatal("12 is in doubt")
	}
	x.Absolve(12)
	if !x.Clean() {
		t.Fatal("the API never had 12")
	}
	x.Begin(12)
	if x.Clean() {
		t.Fatal("12 was sent")
	}
	settle(t, x, 12)
	if !x.Clean() {
		t.Fatal("all is settled")
	}
	if y := New(Takeover{Start: 10, LogEnd: 90, Meta: &Meta{Offset: 10, SentTo: 13, Settled: Set{{10, 13}}}}); !y.Clean() || y.Doubt() != NoDoubt {
		t.Fatal("all below sentTo is settled")
	}
}

func TestCleanLower(t *testing.T) {
	x := begun(t, 1000)
	admit(t, x, span(10, 20)...)
	for o := int64(12); o < 15; o++ {
		x.Begin(o)
		settle(t, x, o)
	}
	if c := x.Commit(t0, 1000, false); c.SentTo != 1020 {
		t.Fatalf("running: %+v", c)
	}
	x.Acked(1)
	c := x.Commit(t0, 1000, true)
	if c.Offset != 10 || c.SentTo != 10 {
		t.Fatalf("clean end: %+v", c)
	}
	y := New(Takeover{Start: 10, LogEnd: 20, Meta: next(t, c)})
	for o := int64(10); o < 20; o++ {
		if inDoubt, ok := y.Admit(o); inDoubt || ok == (o >= 12 && o < 15) {
			t.Fatalf("after a clean end %d: admitted %v, in doubt %v", o, ok, inDoubt)
		}
	}
}

func TestOverflowAll(t *testing.T) {
	x := begun(t, 0)
	last := int64(10 + 20_000)
	admit(t, x, span(10, last)...)
	for o := int64(11); o < last; o += 2 {
		settle(t, x, o)
	}
	c := x.Commit(t0, 0, true)
	if m := next(t, c); !c.Overflow || len(c.Metadata) > MaxMetadata || len(m.Settled) < 1000 || c.SentTo != last {
		t.Fatalf("%d characters, %d runs, sentTo %d", len(c.Metadata), len(m.Settled), c.SentTo)
	}
	// The next owner inherits a set of which the end didn't fit, and hands out nothing of it.
	y := New(Takeover{Start: 10, LogEnd: last, Meta: &Meta{Offset: 10, SentTo: 10, Settled: Set{{500, 501}, {last, last + 1}}}})
	y.limit = 25
	if c := y.Commit(t0, 0, true); !c.Overflow || c.SentTo != last+1 {
		t.Fatalf("inherited: %+v", c)
	}
}

func TestStaticWait(t *testing.T) {
	for _, c := range []struct {
		ours string
		meta *Meta
		want Doubt
	}{
		{"", &Meta{Offset: 10, SentTo: 20}, OwnerGone},
		// Displaced by another process of its instance-id, from whom the partition came here.
		{"", &Meta{Offset: 10, SentTo: 20, Owner: "a"}, OwnerAlive},
		{"a", &Meta{Offset: 10, SentTo: 20, Owner: "b"}, OwnerAlive},
		{"a", &Meta{Offset: 10, SentTo: 20, Owner: "a"}, OwnerAlive},
		{"a", &Meta{Offset: 10, SentTo: 10, Owner: "a"}, NoDoubt},
		{"a", nil, OwnerAlive}, // nobody can tell whose it was
		{"", nil, OwnerGone},
	} {
		x := New(Takeover{Start: 10, LogEnd: 20, Meta: c.meta, InstanceID: c.ours})
		if x.Doubt() != c.want {
			t.Errorf("we %q, found %+v: doubt %d, want %d", c.ours, c.meta, x.Doubt(), c.want)
		}
	}
}

func TestStaticWaitNeedsOurNameInTheCommit(t *testing.T) {
	// Owner b took over from a and sends below the inherited sentTo. If its process is replaced before its
	// first commit, the new one reads a's name, and would wait for a only.
	x := New(Takeover{Start: 10, LogEnd: 20, Meta: &Meta{Offset: 10, SentTo: 20, Owner: "a"}, InstanceID: "b"})
	if x.Limit() != 10 {
		t.Fatalf("limit %d before the commit names us", x.Limit())
	}
	if m := next(t, x.Commit(t0, 0, false)); m.Owner != "b" {
		t.Fatalf("owner %q", m.Owner)
	}
	x.Acked(1)
	if x.Limit() != 20 {
		t.Fatalf("limit %d", x.Limit())
	}
	if y := New(Takeover{Start: 10, LogEnd: 20, Meta: &Meta{Offset: 10, SentTo: 20, Owner: "b"}, InstanceID: "b"}); y.Limit() != 20 {
		t.Fatalf("limit %d though the commit names us", y.Limit())
	}
}

func TestTooLargeMakesTheNextOneSmaller(t *testing.T) {
	x := begun(t, 0)
	admit(t, x, span(10, 10_000)...)
	for o := int64(11); o < 10_000; o += 2 {
		settle(t, x, o)
	}
	size := MaxMetadata + 1
	for range 20 {
		c := x.Commit(t0, 0, false)
		if m := next(t, c); c.SentTo < 10_000 || len(c.Metadata) > size || len(m.Settled) > 0 && len(c.Metadata) == size {
			t.Fatalf("%d characters after %d, sentTo %d", len(c.Metadata), size, c.SentTo)
		}
		size = len(c.Metadata)
		x.TooLarge()
	}
	if size > 60 {
		t.Fatalf("%d characters at last", size)
	}
}

func TestOneCommitAtATime(t *testing.T) {
	x := begun(t, 10)
	x.Commit(t0, 10, false)
	defer func() {
		if recover() == nil || !x.UnderWay() {
			t.Fatal("a second commit was made")
		}
	}()
	x.Commit(t0, 10, false)
}

func TestMetaOffset(t *testing.T) {
	c := begun(t, 10).Commit(t0, 10, false)
	if _, err := Decode(c.Metadata, c.Offset+1); !errors.Is(err, ErrOffset) {
		t.Fatalf("another offset: %v", err)
	}
}
