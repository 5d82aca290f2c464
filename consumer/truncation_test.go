package consumer

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// cut makes the new leader of partition 0 say, when asked for the first times, that its log holds only what stands below end of what its
// predecessors wrote. The embedded broker's log can't lose its end: what stands there stands for what was written anew.
func (g *rig) cut(end int64, times int32) {
	g.t.Helper()
	asks := &atomic.Int32{}
	g.control(kmsg.OffsetForLeaderEpoch, func(req kmsg.Request) (kmsg.Response, error, bool) {
		if asks.Add(1) > times {
			return nil, nil, false
		}
		asked := req.(*kmsg.OffsetForLeaderEpochRequest).Topics[0].Partitions[0].LeaderEpoch
		answer := req.ResponseKind().(*kmsg.OffsetForLeaderEpochResponse)
		p := kmsg.NewOffsetForLeaderEpochResponseTopicPartition()
		p.LeaderEpoch, p.EndOffset = asked, end
		t := kmsg.NewOffsetForLeaderEpochResponseTopic()
		t.Topic, t.Partitions = topic, append(t.Partitions, p)
		answer.Topics = append(answer.Topics, t)
		return answer, nil, true
	})
	if err := g.MoveTopicPartition(topic, 0, 1-g.LeaderFor(topic, 0)); err != nil {
		g.t.Fatal(err)
	}
}

func TestALogThatWasCutAndHasGrownAgainIsReadFromThereAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1), kfake.NumBrokers(2), kfake.Ports(19092, 19093))
		w := g.start()
		g.publish(0, 20)
		w.awaitRecords(20)
		await(t, "the commit", 5*time.Second, func() bool { c, _ := g.stored(0); return c.Offset == 20 })
		first := w.holds()[0]
		g.cut(12, 2) // by who reads on, and by who takes it anew
		g.publish(0, 5)
		await(t, "the end", time.Minute, func() bool { c, _ := g.stored(0); return c.Offset == 25 })
		var again []int64
		for _, r := range w.records() {
			if r.Epoch != first {
				again = append(again, r.Offset)
			} else if r.Offset >= 20 {
				t.Errorf("offset %d was handed out as what follows on 19", r.Offset)
			}
		}
		if len(again) != 13 || again[0] != 12 {
			t.Errorf("read anew: %v, want 12 to 24", again)
		}
		if _, meta := g.stored(0); meta == nil || meta.Epoch != 1 {
			t.Errorf("metadata %+v, want leader epoch 1", meta)
		}
	})
}

func TestACommitThatKnowsOfWhatWasCutIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1), kfake.NumBrokers(2), kfake.Ports(19092, 19093))
		w := g.start()
		g.publish(0, 20)
		w.awaitRecords(20)
		w.stop()
		g.cut(12, 1)
		g.publish(0, 5)
		w = g.start(notFresh)
		w.awaitRecords(13)
		if r := w.records()[0]; r.Offset != 12 || !r.InDoubt {
			t.Errorf("%+v is the first, want offset 12, in doubt", r)
		}
	})
}

// Leaders that change without loss are asked once each, and nothing is read twice.
func TestLeadersThatFollowOneAnotherAreAskedOnceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1), kfake.NumBrokers(2), kfake.Ports(19092, 19093))
		asked := &atomic.Int32{}
		g.control(kmsg.OffsetForLeaderEpoch, func(kmsg.Request) (kmsg.Response, error, bool) {
			asked.Add(1)
			return nil, nil, false
		})
		w := g.start()
		for i := range 5 {
			g.publish(0, 10)
			w.awaitRecords(10 * (i + 1))
			if err := g.MoveTopicPartition(topic, 0, 1-g.LeaderFor(topic, 0)); err != nil {
				t.Fatal(err)
			}
		}
		if n := asked.Load(); n != 4 {
			t.Errorf("asked %d times for 4 changes that were read", n)
		}
	})
}

// Where auto-offset-reset passes records over, nobody has read them: what leaders wrote later than the commit knows of
// is no sign that the log was cut.
func TestALogOfWhichSomeWasPassedOverWasNotCut(t *testing.T) {
	for name, away := range map[string]func(*worker) (back func(*rig) *worker){
		"at a takeover": func(w *worker) func(*rig) *worker {
			w.stop()
			return func(g *rig) *worker { return g.start(notFresh, latest) }
		},
		"while reading": func(w *worker) func(*rig) *worker {
			w.link.set(true, true)
			return func(*rig) *worker { w.link.set(false, false); return w }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, seeded(1), kfake.NumBrokers(2), kfake.Ports(19092, 19093))
				w := g.start(latest)
				w.awaitReady()
				g.publish(0, 20)
				w.awaitRecords(20)
				await(t, "the commit", 5*time.Second, func() bool { c, _ := g.stored(0); return c.Offset == 20 })
				back := away(w)
				g.publish(0, 10)
				if err := g.MoveTopicPartition(topic, 0, 1-g.LeaderFor(topic, 0)); err != nil {
					t.Fatal(err)
				}
				g.publish(0, 10)
				if err := g.DeleteRecords(topic, 0, 25); err != nil {
					t.Fatal(err)
				}
				w = back(g)
				await(t, "passed over", 20*time.Second, func() bool { c, _ := g.stored(0); return c.Offset == 40 })
				before := w.count()
				g.publish(0, 5)
				await(t, "the end", time.Minute, func() bool { c, _ := g.stored(0); return c.Offset == 45 })
				if n, first := w.count()-before, w.records()[before].Offset; n != 5 || first != 40 {
					t.Errorf("%d records from offset %d on, want what comes from 40 on", n, first)
				}
			})
		})
	}
}

func latest(c *Config) { c.Reset = Latest }
