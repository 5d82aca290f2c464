package consumer

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/consumer/internal/group"
	"roomrelay/consumer/internal/offsets"
)

// While commits aren't answered, nothing is handed out that no acknowledged one announces: see also
// worker.arrived, which every test runs.
func TestNothingIsHandedOutAboveTheAcknowledgedSentTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.start()
		w.awaitReady()
		time.Sleep(2 * time.Second)
		_, meta := g.stored(0)
		if meta == nil || meta.SentTo != aheadLeast {
			t.Fatalf("first commit says %+v", meta)
		}
		swallow := g.swallow(kmsg.OffsetCommit)
		g.publish(0, 1000)
		time.Sleep(20 * time.Second)
		if n := w.count(); n != aheadLeast {
			t.Fatalf("%d handed out, %d announced", n, aheadLeast)
		}
		swallow.Store(false)
		w.awaitRecords(1000)
		if s := w.Stats(); s.CommitsFailed == 0 {
			t.Fatal("failed commits aren't counted")
		}
	})
}

// A commit that wasn't answered may be applied after a later one that was: nothing at or above what it
// announces is handed out before its time has run out and another one was acknowledged.
func TestAnUnansweredCommitHoldsSendingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.start()
		w.awaitReady()
		time.Sleep(2 * time.Second)
		var first atomic.Pointer[kmsg.OffsetCommitRequest]
		g.control(kmsg.OffsetCommit, func(r kmsg.Request) (kmsg.Response, error, bool) {
			return nil, nil, first.CompareAndSwap(nil, r.(*kmsg.OffsetCommitRequest))
		})
		g.publish(0, 3000)
		await(t, "a commit is lost", 10*time.Second, func() bool { return first.Load() != nil })
		at := time.Now()
		p := first.Load().Topics[0].Partitions[0]
		meta, err := offsets.Decode(*p.Metadata, p.Offset)
		if err != nil {
			t.Fatal(err)
		}
		for time.Since(at) < unansweredFor-50*time.Millisecond {
			if n := int64(w.count()); n > meta.SentTo {
				t.Fatalf("%d handed out %v after a commit of sentTo %d was lost", n, time.Since(at), meta.SentTo)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if _, now := g.stored(0); now.SentTo <= meta.SentTo {
			t.Fatalf("no later commit was made: %+v", now)
		}
		w.awaitRecords(3000)
	})
}

// A coordinator that died with a commit in hand applies it no more once another one has answered: sending doesn't wait for
// the time in which the first one might have.
func TestAnotherCoordinatorsAnswerEndsTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1), kfake.NumBrokers(2), kfake.Ports(19092, 19093))
		w := g.start()
		w.awaitReady()
		time.Sleep(2 * time.Second)
		var lost atomic.Bool
		g.control(kmsg.OffsetCommit, func(kmsg.Request) (kmsg.Response, error, bool) {
			return nil, nil, lost.CompareAndSwap(false, true)
		})
		g.publish(0, 3000)
		await(t, "a commit is lost", 10*time.Second, lost.Load)
		at := time.Now()
		for old := g.CoordinatorFor(groupID); g.CoordinatorFor(groupID) == old; {
			g.RehashCoordinators()
		}
		w.awaitRecords(3000)
		if took := time.Since(at); took > group.CommitPatience+2*time.Second {
			t.Errorf("sending stood still for %v", took)
		}
	})
}

// A commit that fails before it has a coordinator to go to was never sent: it holds nothing back. A broker that
// is restarted in order cuts such requests short, and its partitions would stand still for seconds.
func TestACommitThatFoundNoCoordinatorHoldsNothingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.start()
		w.awaitReady()
		time.Sleep(2 * time.Second)
		var lost atomic.Int32
		cut := atomic.Bool{}
		cut.Store(true)
		g.control(kmsg.FindCoordinator, func(kmsg.Request) (kmsg.Response, error, bool) {
			if !cut.Load() {
				return nil, nil, false
			}
			lost.Add(1)
			return nil, errors.New("cut"), true
		})
		g.publish(0, 3000)
		failed := w.Stats().CommitsFailed
		await(t, "a commit finds no coordinator", 10*time.Second, func() bool { return w.Stats().CommitsFailed > failed })
		cut.Store(false)
		at := time.Now()
		w.awaitRecords(3000)
		if took := time.Since(at); took > 3*time.Second {
			t.Errorf("sending stood still for %v for a commit that was never sent", took)
		}
	})
}

func TestOneCommitRequestAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(4))
		var now, most atomic.Int32
		g.control(kmsg.OffsetCommit, func(kmsg.Request) (kmsg.Response, error, bool) {
			most.Store(max(most.Load(), now.Add(1)))
			g.SleepControl(func() { time.Sleep(300 * time.Millisecond) })
			now.Add(-1)
			return nil, nil, false
		})
		w := g.start()
		for p := range 4 {
			g.publish(p, 2000)
		}
		w.awaitRecords(8000)
		w.stop()
		if most.Load() != 1 {
			t.Fatalf("%d commit requests at once", most.Load())
		}
	})
}

func TestTheWatermarkNeverPassesWhatIsUnsettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.holding()
		g.publish(0, 200)
		w.awaitRecords(200)
		w.send()
		records := w.records()
		for i := range records {
			if i != 7 {
				w.Settle(&records[i])
			}
		}
		time.Sleep(3 * time.Second)
		c, meta := g.stored(0)
		if c.Offset != 7 || meta == nil || !meta.Settled.Contains(8) || meta.Settled.Contains(7) || meta.SentTo < 200 {
			t.Fatalf("commit %+v, metadata %+v", c, meta)
		}
		if s := w.Stats().Partitions[0]; s.Watermark != 7 || s.Lag() != 193 || s.Events != 1 || s.InDoubt != 1 {
			t.Fatalf("stats %+v", s)
		}
		w.Settle(&records[7])
		time.Sleep(3 * time.Second)
		if c, _ := g.stored(0); c.Offset != 200 {
			t.Fatalf("commit %+v", c)
		}
	})
}

func TestPaceFollowsThePartition(t *testing.T) {
	now := time.Now()
	p := newPace(0, 100_000)
	p.at = now
	step := func(after time.Duration, position, end int64) int64 {
		now = now.Add(after)
		return p.next(now, position, end)
	}
	for _, x := range []struct {
		what          string
		after         time.Duration
		position, end int64
		short         bool
		want          int64
	}{
		{"1000 a second, far from the end", time.Second, 1000, 100_000, false, 2000},
		{"a lull", time.Second, 1000, 100_000, false, 1000},
		{"somebody waited", time.Second, 1010, 100_000, true, 2000},
		{"one large fetch", time.Millisecond, 1310, 100_000, false, 2400},
		{"very fast", time.Second, 90_000, 100_000, false, aheadMost},
		{"at the end, which grows by 300 a second", time.Second, 100_300, 100_300, false, 600},
		{"at the end, which stands still", time.Second, 100_300, 100_300, false, aheadLeast},
	} {
		p.short = x.short
		if got := step(x.after, x.position, x.end); got != x.want {
			t.Fatalf("%s: %d ahead, want %d", x.what, got, x.want)
		}
	}
}
