package consumer

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// remake deletes the topic, and makes it anew with so many partitions.
func (g *rig) remake(partitions int32) {
	g.t.Helper()
	if err := g.DeleteTopic(topic); err != nil {
		g.t.Fatal(err)
	}
	if err := g.CreateTopic(topic, partitions, nil); err != nil {
		g.t.Fatal(err)
	}
}

func TestATopicThatIsMadeAnewIsReadFromItsBeginning(t *testing.T) {
	for name, reset := range map[string]Reset{"earliest": Earliest, "latest": Latest} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, seeded(2))
				w := g.start(func(c *Config) { c.Reset = reset })
				w.awaitReady()
				g.publish(0, 20)
				w.awaitRecords(20)
				await(t, "the commit", 5*time.Second, func() bool { c, _ := g.stored(0); return c.Offset == 20 })
				_, meta := g.stored(0)
				before, first := meta.Topic, w.holds()[0]
				g.remake(1)
				g.publish(0, 30) // more than were read: nothing but the id tells
				await(t, "the end", time.Minute, func() bool {
					c, meta := g.stored(0)
					return c.Offset == 30 && meta != nil && meta.Topic != before
				})
				seen := map[int64]bool{}
				for _, r := range w.records() {
					if r.Epoch != first {
						seen[r.Offset] = true
					}
				}
				if before == "" || len(seen) != 30 {
					t.Errorf("of 30 records, %d were read under another epoch; the topic's id was %q", len(seen), before)
				}
			})
		})
	}
}

// The commit of a former topic may be there still: a worker that knew only that one has written it.
func TestTheCommitOfAFormerTopicIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.start()
		g.publish(0, 20)
		w.awaitRecords(20)
		w.stop()
		c, _ := g.stored(0)
		g.remake(1)
		g.publish(0, 30)
		g.commit(c.Offset, c.Metadata)
		w = g.start(notFresh, func(c *Config) { c.Reset = Latest })
		w.awaitRecords(30)
		if r := w.records()[0]; r.Offset != 0 || !r.InDoubt {
			t.Errorf("%+v is the first, want offset 0, in doubt", r)
		}
	})
}

// What is on its way when the topic is made anew settles nothing of the new one.
func TestLateCompletionsOfAFormerTopicChangeNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.holding()
		g.publish(0, 20)
		w.awaitRecords(20)
		old := w.records()
		if w.send() != 20 {
			t.Fatal("not all may be sent")
		}
		g.remake(1)
		g.publish(0, 5)
		w.awaitRecords(25)
		for i := range old {
			if w.Begin(&old[i]) || w.Owned(&old[i]) {
				t.Fatalf("offset %d of the former topic may be sent, or made a letter", old[i].Offset)
			}
			w.Settle(&old[i])
		}
		time.Sleep(5 * time.Second)
		if c, _ := g.stored(0); c.Offset != 0 {
			t.Errorf("committed %d, and nothing of the new topic is settled", c.Offset)
		}
		w.release()
		await(t, "the end", time.Minute, func() bool { c, _ := g.stored(0); return c.Offset == 5 })
	})
}

// Brokers before Kafka 2.8 don't tell ids.
func TestWithoutIDsAllElseWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		g.control(kmsg.ApiVersions, func(req kmsg.Request) (kmsg.Response, error, bool) {
			answer := req.ResponseKind().(*kmsg.ApiVersionsResponse)
			for key := range kmsg.MaxKey + 1 {
				r := kmsg.RequestForKey(int16(key))
				if r == nil {
					continue
				}
				k := kmsg.NewApiVersionsResponseApiKey()
				k.ApiKey, k.MaxVersion = int16(key), r.MaxVersion()
				if key == int(kmsg.Metadata) {
					k.MaxVersion = 9
				}
				answer.ApiKeys = append(answer.ApiKeys, k)
			}
			return answer, nil, true
		})
		w := g.start()
		g.publish(0, 20)
		w.awaitRecords(20)
		w.stop()
		if c, meta := g.stored(0); c.Offset != 20 || meta == nil || meta.Topic != "" {
			t.Errorf("committed %d with %+v", c.Offset, meta)
		}
	})
}

// A fetch tells that the topic isn't there before anybody has read the id of the one that takes its place. A commit names
// no id: what was to be committed for the former topic would stand in the new one.
func TestNothingOfAFormerTopicIsCommittedForTheNewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		var looksFail atomic.Bool
		g.control(kmsg.Metadata, func(req kmsg.Request) (kmsg.Response, error, bool) {
			return nil, nil, looksFail.Load() && req.GetVersion() >= 10 // by which ids are read
		})
		w := g.holding()
		g.publish(0, 20)
		w.awaitRecords(20)
		if w.send() != 20 {
			t.Fatal("not all may be sent")
		}
		old := w.records()
		looksFail.Store(true)
		g.remake(1)
		time.Sleep(time.Second) // a fetch waits for half of that at most
		for i := range old {
			w.Settle(&old[i])
		}
		for range 100 {
			if c, _ := g.stored(0); c.Offset > 0 {
				t.Fatalf("%d is committed, and nothing stands in the new topic", c.Offset)
			}
			time.Sleep(50 * time.Millisecond)
		}
		looksFail.Store(false)
		w.release()
		g.publish(0, 5)
		await(t, "the end", time.Minute, func() bool { c, _ := g.stored(0); return c.Offset == 5 })
	})
}

// A broker that is behind says of a topic that it isn't there, and others that they don't know its id: what can't be
// committed isn't sent, so this must be over soon.
func TestADoubtThatWasWrongHoldsCommitsUpForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.start()
		w.awaitReady()
		var refusals, looks atomic.Int32
		refusals.Store(1)
		looks.Store(3)
		g.control(kmsg.OffsetCommit, func(req kmsg.Request) (kmsg.Response, error, bool) {
			if refusals.Add(-1) < 0 {
				return nil, nil, false
			}
			return refusedCommit(req, kafka.UnknownTopicOrPartition), nil, true
		})
		g.control(kmsg.Metadata, func(req kmsg.Request) (kmsg.Response, error, bool) {
			if req.GetVersion() < 10 || looks.Add(-1) < 0 {
				return nil, nil, false
			}
			return nil, errors.New("the connection is closed"), true
		})
		g.publish(0, 1) // its commit is due a second later
		await(t, "the refusal", 2*time.Second, func() bool { return refusals.Load() <= 0 })
		await(t, "the commit", time.Second, func() bool { c, _ := g.stored(0); return c.Offset == 1 })
	})
}
