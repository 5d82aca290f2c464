package consumer

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestI7WhatIsHandedOutStaysWithinTheBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(2))
		w := g.holding(func(c *Config) { c.MaxEvents = 400 })
		g.publish(0, 1000)
		w.awaitRecords(200)
		time.Sleep(10 * time.Second)
		if w.count() != 200 {
			t.Fatalf("one partition holds %d of 400", w.count())
		}
		g.publish(1, 1000)
		w.awaitRecords(300)
		time.Sleep(10 * time.Second)
		if s := w.Stats(); w.count() != 300 || s.Events != 300 || s.Bytes > 300*(recordOverhead+20) {
			t.Fatalf("two partitions hold %d of 400: %+v", w.count(), s)
		}
		w.release()
		w.awaitRecords(2000)
		if s := w.Stats(); s.Events != 0 || s.Bytes != 0 {
			t.Fatalf("after all was settled: %+v", s)
		}
	})
}

func TestARecordLargerThanTheBufferComesWithoutItsValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.holding(func(c *Config) { c.MaxBytes = 64 << 10 })
		big := bytes.Repeat([]byte("x"), 65<<10)
		g.append(0, kafka.Record{Key: kafka.NewBytes([]byte("1")), Value: kafka.NewBytes(big)})
		edge := bytes.Repeat([]byte("x"), 64<<10-100) // fits but for what a record costs besides
		g.append(0, kafka.Record{Value: kafka.NewBytes(edge)})
		g.append(0, kafka.Record{Value: kafka.NewBytes(nil), Headers: []kafka.Header{{Key: "h", Value: big}}})
		g.append(0, kafka.Record{Value: kafka.NewBytes([]byte("v")), Headers: []kafka.Header{{Key: "h", Value: big}}})
		g.publish(0, 1)
		for i := range 4 {
			w.awaitRecords(i + 1)
			w.mu.Lock()
			w.open[0] = nil
			w.mu.Unlock()
			r := w.records()[i]
			w.Begin(&r)
			w.Settle(&r)
		}
		got := w.records()
		if got[0].Oversize != len(big) || len(got[0].Value) != 0 || string(got[0].Key) != "1" {
			t.Fatalf("too large: %d, value of %d bytes", got[0].Oversize, len(got[0].Value))
		}
		if got[1].Oversize != len(edge) || len(got[1].Value) != 0 {
			t.Fatalf("just too large: %d, value of %d bytes", got[1].Oversize, len(got[1].Value))
		}
		if got[2].Oversize != 1 || got[2].Headers != nil || got[2].Bytes != recordOverhead {
			t.Fatalf("headers too large: %+v", got[2])
		}
		if got[3].Oversize != 0 || string(got[3].Value) != "value 0" {
			t.Fatalf("the next one: %+v", got[3])
		}
	})
}

func TestTombstonesArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		g.publish(0, 2)
		g.append(0, kafka.Record{Key: kafka.NewBytes([]byte("1"))})
		w := g.start()
		w.awaitRecords(2)
		await(t, "the commit passes it", 10*time.Second, func() bool { c, _ := g.stored(0); return c.Offset == 3 })
		if s := w.Stats(); s.Tombstones != 1 || w.count() != 2 {
			t.Fatalf("%d handed out, %+v", w.count(), s)
		}
	})
}

func TestCompactedGapsDoNotStopThePartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		if err := g.CreateTopic(topic, 1, map[string]string{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "segment.bytes": "1024"}); err != nil {
			t.Fatal(err)
		}
		for range 30 { // one key: all but the newest go
			g.publish(0, 50)
		}
		g.Compact()
		w := g.start()
		await(t, "the end", 20*time.Second, func() bool { c, _ := g.stored(0); return c.Offset == 1500 })
		if n := w.count(); n == 0 || n >= 1500 {
			t.Fatalf("%d records: nothing was compacted", n)
		}
	})
}

// A gap wider than what a commit announces ahead must not stop the partition for ever.
func TestAGapWiderThanACommitReachesIsCrossed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		if err := g.CreateTopic(topic, 1, map[string]string{"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "segment.bytes": "1024"}); err != nil {
			t.Fatal(err)
		}
		g.append(0, kafka.Record{Key: kafka.NewBytes([]byte("kept")), Value: kafka.NewBytes([]byte("v"))})
		for range 10 {
			g.publish(0, 200)
		}
		g.Compact()
		w := g.holding()
		await(t, "the newest", 20*time.Second, func() bool { n := w.count(); return n > 1 && w.records()[n-1].Offset == 2000 })
		if got := w.records(); got[0].Offset != 0 || got[1].Offset <= 2*aheadLeast {
			t.Fatalf("no wide gap: %d, %d", got[0].Offset, got[1].Offset)
		}
	})
}

func TestAFetchThatFailsIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.start()
		w.awaitReady()
		var asked atomic.Int32
		g.control(kmsg.Fetch, func(kmsg.Request) (kmsg.Response, error, bool) {
			return nil, nil, asked.Add(1) < 3 // never answered, twice
		})
		g.publish(0, 3)
		began := time.Now()
		w.awaitRecords(3)
		if took := time.Since(began); took > 10*time.Second || took < fetchSlack {
			t.Fatalf("took %v", took)
		}
		w.awaitReady()
	})
}

func TestAPartitionThatAQuotaHoldsBackIsReadAgainWhenTheBrokerSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wait = 8 * time.Second // longer than a fetch may take
		g := newRig(t, seeded(1))
		var held, early atomic.Int64
		g.control(kmsg.Fetch, func(req kmsg.Request) (kmsg.Response, error, bool) {
			switch since := time.Now().UnixNano() - held.Load(); {
			case held.CompareAndSwap(0, time.Now().UnixNano()):
				answer := req.ResponseKind().(*kmsg.FetchResponse)
				answer.ThrottleMillis = int32(wait.Milliseconds())
				return answer, nil, true
			case since < int64(wait):
				early.Add(1)
			}
			return nil, nil, false
		})
		w := g.start()
		g.publish(0, 3)
		w.awaitRecords(3)
		if since := time.Duration(time.Now().UnixNano() - held.Load()); since < wait || since > wait+time.Second || early.Load() > 0 {
			t.Errorf("read %v after it was held back for %v, %d fetches before", since, wait, early.Load())
		}
		if err := w.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
	})
}

// A leader's or a coordinator's death lasts 6 to 9 s, and by then pauses between tries have grown to their longest: it
// may add little to that.
func TestAnOutageOfNineSecondsIsFollowedByNoLongPause(t *testing.T) {
	for kind, answer := range map[kmsg.Key]func(kmsg.Request) (kmsg.Response, error){
		kmsg.Fetch: func(kmsg.Request) (kmsg.Response, error) { return nil, errors.New("cut") },
		kmsg.OffsetCommit: func(r kmsg.Request) (kmsg.Response, error) {
			return refuse(r.(*kmsg.OffsetCommitRequest), kerr.NotCoordinator), nil
		},
	} {
		t.Run(kind.Name(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, seeded(1))
				w := g.start()
				w.awaitReady()
				time.Sleep(2 * time.Second)
				out := atomic.Bool{}
				g.control(kind, func(r kmsg.Request) (kmsg.Response, error, bool) {
					if !out.Load() {
						return nil, nil, false
					}
					res, err := answer(r)
					return res, err, true
				})
				const each = aheadMost + aheadLeast // more than is ever announced: sending waits for a commit, too
				for n := range 10 {
					out.Store(true)
					time.Sleep(time.Second) // a fetch that waits for records is over
					g.publish(0, each)
					time.Sleep(8 * time.Second)
					out.Store(false)
					ended := time.Now()
					w.awaitRecords((n + 1) * each)
					if took := time.Since(ended); took > time.Second {
						t.Errorf("went on %v after the outage", took)
					}
				}
			})
		})
	}
}

// refuse answers a commit with an error.
func refuse(r *kmsg.OffsetCommitRequest, code *kerr.Error) kmsg.Response {
	res := r.ResponseKind().(*kmsg.OffsetCommitResponse)
	for _, t := range r.Topics {
		x := kmsg.OffsetCommitResponseTopic{Topic: t.Topic, TopicID: t.TopicID}
		for _, p := range t.Partitions {
			x.Partitions = append(x.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: code.Code})
		}
		res.Topics = append(res.Topics, x)
	}
	return res
}
