package consumer

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestACleanStopLeavesNothingToRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(2))
		g.publish(0, 300)
		g.publish(1, 30)
		first := g.start()
		first.awaitRecords(330)
		first.stop()
		for p, want := range []int64{300, 30} {
			if c, meta := g.stored(int32(p)); c.Offset != want || meta == nil || meta.SentTo != want {
				t.Fatalf("partition %d: commit %+v, metadata %+v", p, c, meta)
			}
		}
		g.publish(1, 5)
		second := g.start(notFresh)
		second.awaitRecords(5)
		time.Sleep(5 * time.Second)
		for _, r := range second.records() {
			if r.Partition != 1 || r.Offset < 30 || r.InDoubt || !r.NotBefore.IsZero() {
				t.Fatalf("after a clean stop came %+v", r)
			}
		}
		if second.count() != 5 {
			t.Fatalf("%d records after a clean stop", second.count())
		}
	})
}

// What was sent and has no outcome is in doubt for the next owner; what was settled isn't repeated, though
// the watermark couldn't pass it; and nobody is told twice.
func TestAfterAKillOnlyWhatMayHaveBeenSentIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		first := g.holding()
		g.publish(0, 50)
		first.awaitRecords(50)
		if n := first.send(); n != 50 {
			t.Fatalf("%d of 50 may be sent", n)
		}
		records := first.records()
		for i := range records {
			if i%2 == 1 {
				first.Settle(&records[i])
			}
		}
		time.Sleep(3 * time.Second) // commits
		_, meta := g.stored(0)
		if meta == nil || meta.Offset != 0 || meta.SentTo < 50 {
			t.Fatalf("commit says %+v", meta)
		}
		first.kill()
		g.publish(0, 1000)

		second := g.start(notFresh)
		second.awaitReady()
		began := time.Now()
		await(t, "all", time.Minute, func() bool { return second.count() >= 1025 })
		seen := map[int64]bool{}
		for _, r := range second.records() {
			switch {
			case seen[r.Offset]:
				t.Fatalf("offset %d twice", r.Offset)
			case r.Offset < 50 && (r.Offset%2 == 1 || !r.InDoubt):
				t.Fatalf("below what was sent: %+v", r)
			case r.Offset >= meta.SentTo && r.InDoubt:
				t.Fatalf("offset %d in doubt though nothing above %d can have been sent", r.Offset, meta.SentTo)
			case r.InDoubt && (r.NotBefore.Before(began.Add(4*time.Second)) || r.NotBefore.After(began.Add(6*time.Second))):
				t.Fatalf("in doubt, but not before %v after the takeover", r.NotBefore.Sub(began))
			}
			seen[r.Offset] = true
		}
	})
}

func TestDoubtAboutAnOwnerOfTheSameNameWaitsForItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		first := g.holding(named("a"))
		g.publish(0, 5)
		first.awaitRecords(5)
		first.send()
		time.Sleep(2 * time.Second)
		first.kill()
		second := g.holding(named("a"), notFresh)
		began := time.Now()
		second.awaitRecords(5)
		for _, r := range second.records() {
			if wait := r.NotBefore.Sub(began); !r.InDoubt || wait < 19*time.Second || wait > 22*time.Second {
				t.Fatalf("waits %v: %+v", wait, r)
			}
		}
	})
}

// Records are deleted that an owner has in hand, who may be alive behind another process of its name. Who comes then
// can't see that what is left stands behind them in their lanes, so nothing of it goes before that owner's lease is over.
func TestI6_BehindRecordsThatWereDeletedNothingIsSentWhileTheirOwnerMayBeAtIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		first := g.holding(named("a"))
		g.publish(0, 5)
		first.awaitRecords(5)
		first.send()
		time.Sleep(2 * time.Second)
		first.kill()
		g.publish(0, 5000) // more than a commit announces
		if err := g.DeleteRecords(topic, 0, 5001); err != nil {
			t.Fatal(err)
		}
		second := g.holding(named("a"), notFresh)
		began := time.Now()
		second.awaitRecords(4)
		for _, r := range second.records() {
			if wait := r.NotBefore.Sub(began); r.InDoubt || wait < 19*time.Second || wait > 22*time.Second {
				t.Fatalf("waits %v: %+v", wait, r)
			}
		}
	})
}

// refusedCommit is an answer that refuses every part of a commit.
func refusedCommit(req kmsg.Request, why kafka.Error) kmsg.Response {
	answer := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	for _, x := range req.(*kmsg.OffsetCommitRequest).Topics {
		to := kmsg.NewOffsetCommitResponseTopic()
		to.Topic = x.Topic
		for _, p := range x.Partitions {
			part := kmsg.NewOffsetCommitResponseTopicPartition()
			part.Partition, part.ErrorCode = p.Partition, int16(why)
			to.Partitions = append(to.Partitions, part)
		}
		answer.Topics = append(answer.Topics, to)
	}
	return answer
}

func TestWithoutACommitThePositionIsCommittedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		g.publish(0, 10)
		var block atomic.Bool
		block.Store(true)
		g.control(kmsg.OffsetCommit, func(req kmsg.Request) (kmsg.Response, error, bool) {
			if !block.Load() {
				return nil, nil, false
			}
			return refusedCommit(req, kafka.GroupLoadInProgress), nil, true
		})
		w := g.start()
		time.Sleep(10 * time.Second)
		if err := w.Ready(); !contains(err, "partition 0 waits for its first commit") || w.count() != 0 {
			t.Fatalf("handed out %d, ready: %v", w.count(), err)
		}
		block.Store(false)
		w.awaitRecords(10)
		w.awaitReady()
	})
}

func TestWithoutValidMetadataAllBelowTheLogEndIsInDoubt(t *testing.T) {
	commit := func(g *rig, metadata string) {
		g.t.Helper()
		g.commit(3, metadata)
	}
	for name, x := range map[string]struct {
		change  func(*Config)
		prepare func(*rig)
		first   int64
		doubt   bool
	}{
		"no commit":        {notFresh, func(*rig) {}, 0, true},
		"fresh":            {func(*Config) {}, func(*rig) {}, 0, false},
		"operator's reset": {func(*Config) {}, func(g *rig) { commit(g, "") }, 3, true},
		"foreign":          {func(*Config) {}, func(g *rig) { commit(g, "somebody else's") }, 3, true},
		"another offset":   {func(*Config) {}, func(g *rig) { commit(g, "roomrelay/1:2:2::::") }, 3, true},
		"valid":            {func(*Config) {}, func(g *rig) { commit(g, "roomrelay/1:3:3::::") }, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, seeded(1))
				g.publish(0, 10)
				x.prepare(g)
				w := g.holding(x.change)
				w.awaitRecords(10 - int(x.first))
				g.publish(0, 1)
				w.awaitRecords(11 - int(x.first))
				for i, r := range w.records() {
					if r.Offset != x.first+int64(i) || r.InDoubt != (x.doubt && r.Offset < 10) || r.NotBefore.IsZero() == r.InDoubt {
						t.Fatalf("handed out %+v", r)
					}
				}
				time.Sleep(2 * time.Second)
				if _, meta := g.stored(0); meta == nil || meta.Offset != x.first || x.doubt && meta.SentTo < 10 {
					t.Fatalf("own commit says %+v", meta)
				}
			})
		})
	}
}

func TestAPositionOutOfRangeIsReset(t *testing.T) {
	for name, x := range map[string]struct {
		reset    Reset
		commit   int64
		first    int64
		doubt    bool
		complain string
	}{
		"gone, earliest":        {Earliest, 3, 10, false, ""},
		"gone, latest":          {Latest, 3, 20, false, ""},
		"gone, fail":            {Fail, 3, 0, false, `topic "chat", partition 0: committed offset 3 is gone; the log holds offsets 10 up to 20`},
		"not written, earliest": {Earliest, 30, 10, true, ""},
		"not written, latest":   {Latest, 30, 20, false, ""},
		"not written, fail":     {Fail, 30, 0, false, "committed offset 30 isn't written yet; the log holds offsets 10 up to 20"},
		"no commit, fail":       {Fail, -1, 0, false, "no committed offset; the log holds offsets 10 up to 20"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, seeded(1))
				g.publish(0, 20)
				if err := g.DeleteRecords(topic, 0, 10); err != nil {
					t.Fatal(err)
				}
				if x.commit >= 0 {
					meta := map[int64]string{3: "roomrelay/1:3:3::::", 30: "roomrelay/1:30:30::::"}[x.commit]
					g.commit(x.commit, meta)
				}
				w := g.holding(func(c *Config) { c.Reset, c.Fresh = x.reset, x.commit < 0 })
				if x.complain != "" {
					<-w.done
					if !contains(w.err, x.complain) {
						t.Fatalf("ended with %v", w.err)
					}
					return
				}
				w.awaitReady()
				g.publish(0, 1)
				w.awaitRecords(21 - int(x.first))
				for i, r := range w.records() {
					if r.Offset != x.first+int64(i) || r.InDoubt != (x.doubt && r.Offset < 20) {
						t.Fatalf("handed out %+v", r)
					}
				}
			})
		})
	}
}

// What metadata says of offsets that aren't written yet is about a log that is no more.
func TestMetadataFromBeyondTheLogIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		g.publish(0, 20)
		// sentTo 40, and 31 to 33 settled
		g.commit(30, "roomrelay/1:30:40::::AQM")
		w := g.holding(func(c *Config) { c.Reset = Latest })
		w.awaitReady()
		g.publish(0, 20)
		w.awaitRecords(20)
		for _, r := range w.records() {
			if r.InDoubt {
				t.Fatalf("in doubt: %+v", r)
			}
		}
	})
}

func TestRecordsThatAreDeletedWhileReadingArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.holding(func(c *Config) { c.MaxEvents = 20 })
		g.publish(0, 1000) // the first fetch brings them all; room is for 10
		w.awaitRecords(10)
		w.link.set(true, true)
		g.publish(0, 5000)
		if err := g.DeleteRecords(topic, 0, 5000); err != nil {
			t.Fatal(err)
		}
		w.link.set(false, false)
		w.release()
		await(t, "the end", time.Minute, func() bool { c, _ := g.stored(0); return c.Offset == 6000 })
		for _, r := range w.records() {
			if r.Offset >= 1000 && r.Offset < 5000 {
				t.Fatalf("deleted offset %d handed out", r.Offset)
			}
		}
	})
}

// An epoch that is over changes nothing.
func TestLateCompletionsChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.holding()
		g.publish(0, 3)
		w.awaitRecords(3)
		old := w.records()
		g.Fault(faultOnce(kmsg.Heartbeat, "UNKNOWN_MEMBER_ID"))
		await(t, "lost", 10*time.Second, func() bool { return w.noticed(Lost) == 1 })
		if w.Begin(&old[0]) || w.Owned(&old[0]) {
			t.Fatal("a record of a lost assignment may be sent, or lettered")
		}
		w.awaitRecords(6)
		w.Settle(&old[0])
		w.Absolve(&old[1])
		w.Drained(0, old[0].Epoch)
		time.Sleep(3 * time.Second)
		if s := w.Stats(); s.Events != 3 || s.Partitions[0].Watermark != 0 {
			t.Fatalf("a late outcome counted: %+v", s)
		}
		again := w.records()[3:]
		if !w.Begin(&again[0]) || again[0].Epoch == old[0].Epoch {
			t.Fatal("the new assignment may not be sent")
		}
	})
}
