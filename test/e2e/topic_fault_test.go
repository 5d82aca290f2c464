//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Partitions that are added are consumed from their beginning, without a restart.
func TestPartitionsAreAdded(t *testing.T) {
	c := clusterOf(t, 3)
	s := newStand(t, c, plan{settings: lasting})
	team := newCrew(t, s, 2, false)
	s.producer.start()
	wait(t, 2*time.Second)
	var f figures
	f.begin()
	const added = 3
	if got, err := c.admin.CreatePartitions(t.Context(), added, s.topic); err != nil || got.Error() != nil {
		t.Fatalf("adding partitions: %v", errors.Join(err, got.Error()))
	}
	wait(t, 10*time.Second)
	f.end()
	r := s.close(t)
	// The worker looks every two seconds, and then there is a rebalance.
	f.tell(t, r, "partitions are added", slack*4*time.Second)
	fresh := 0
	for _, x := range r.records {
		if x.Partition >= s.partitions {
			fresh++
		}
	}
	if fresh < 100 {
		t.Errorf("only %d records stand in the new partitions", fresh)
	}
	team.stopAll(t)
}

// Records that were deleted before anybody read them are told as a range, and the worker goes on behind them.
func TestTheLogsBeginMovesPastTheCommit(t *testing.T) {
	c := clusterOf(t, 3)
	s := newStand(t, c, plan{settings: lasting})
	team := newCrew(t, s, 2, false)
	s.producer.start()
	wait(t, 2*time.Second)
	s.close(t)
	team.stopAll(t)
	committed, err := c.committed(t.Context(), s.group, s.topic)
	if err != nil {
		t.Fatalf("reading commits: %v", err)
	}
	s.producer.start()
	wait(t, 3*time.Second)
	s.producer.stop(t)
	gone := s.deleteHalf(t, committed)
	f := figures{since: sinceFault}
	f.begin()
	for i := range team.at {
		team.hire(t, i)
	}
	team.ready(t)
	r := s.close(t)
	f.end()
	f.tell(t, r, "the log's begin moves past the commit", slack*boundTakeover)
	if r.deleted == 0 || r.Published == 0 {
		t.Fatalf("%d records were deleted and %d were left: too few to prove anything", r.deleted, r.Published)
	}
	for p, start := range gone {
		want := fmt.Sprintf(`"partition":%d,`, p)
		told := false
		for _, w := range team.at {
			for _, l := range w.lines() {
				told = told || l.Message == "position reset" && strings.Contains(l.raw, want) &&
					strings.Contains(l.raw, fmt.Sprintf("committed offset %d is gone", committed[p])) && strings.Contains(l.raw, fmt.Sprintf(`"log-start":%d,`, start))
			}
		}
		if !told {
			t.Errorf("nobody tells that offsets %d to %d of partition %d are gone", committed[p], start, p)
		}
	}
	team.stopAll(t)
}

// deleteHalf deletes half of what stands behind the commits.
func (s *stand) deleteHalf(t *testing.T, committed ends) ends {
	t.Helper()
	to, err := s.cluster.endsOf(t.Context(), s.topic)
	if err != nil {
		t.Fatalf("reading the ends of the log: %v", err)
	}
	gone, request := ends{}, kadm.Offsets{}
	for p, end := range to {
		gone[p] = committed[p] + (end-committed[p])/2
		if gone[p] > committed[p] {
			request.AddOffset(s.topic, p, gone[p], -1)
		} else {
			delete(gone, p)
		}
	}
	got, err := s.cluster.admin.DeleteRecords(t.Context(), request)
	if err == nil {
		err = got.Error()
	}
	if err != nil {
		t.Fatalf("deleting records: %v", err)
	}
	return gone
}

// A transaction that is left open holds its partition up, and no other; the worker tells which. What it aborts is
// never sent.
func TestATransactionIsLeftOpen(t *testing.T) {
	const partition = 2
	c := clusterOf(t, 3)
	s := newStand(t, c, plan{settings: lasting})
	team := newCrew(t, s, 2, false)
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.addrs...), kgo.TransactionalID(s.group), kgo.TransactionTimeout(5*time.Minute),
		kgo.DefaultProduceTopic(s.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	s.producer.start()
	wait(t, 2*time.Second)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	value := []byte(`{"roomid":1,"fromAccid":"ann","msgId":"aborted","msgType":0,"attach":"never to be seen"}`)
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Partition: partition, Value: value}).FirstErr(); err != nil {
		t.Fatalf("publishing within a transaction: %v", err)
	}
	open := time.Now()
	poll(t, 30*time.Second, "the open transaction is told", func() (bool, string) {
		for _, w := range team.at {
			if l, ok := w.logged("partition is held up by a producer's transaction that hasn't ended", open); ok {
				return strings.Contains(l.raw, fmt.Sprintf(`"partition":%d,`, partition)), l.raw
			}
		}
		return false, "nobody tells it"
	})
	if err := cl.EndTransaction(context.WithoutCancel(t.Context()), kgo.TryAbort); err != nil {
		t.Fatalf("aborting the transaction: %v", err)
	}
	closed := time.Now()
	f := figures{since: sinceFault}
	f.begin()
	wait(t, 2*time.Second)
	r := s.close(t)
	f.end()
	f.tell(t, r, "a transaction that was left open ends", slack*boundGraceful)
	held := r.stood(span{open, closed}, sinceLog)
	for p, d := range held {
		if p == partition && d < 9*time.Second {
			t.Errorf("partition %d stood still for %v only, though a transaction was open", p, d)
		}
		if p != partition && d > slack*time.Second {
			t.Errorf("partition %d stood still for %v, though no transaction was open there", p, d)
		}
	}
	team.stopAll(t)
}

// Quotas of the cluster make a worker slow, and nothing else.
func TestTheClientHasQuotas(t *testing.T) {
	c := clusterOf(t, 3)
	s := newStand(t, c, plan{settings: lasting})
	s.settings["client-id"] = s.group
	team := newCrew(t, s, 2, false)
	s.producer.start()
	wait(t, 2*time.Second)
	began := time.Now()
	s.limit(t, 6_000, 500)
	const throttled = 20 * time.Second
	wait(t, throttled)
	some := s.sim.stats(t).Shown
	wait(t, throttled)
	more := s.sim.stats(t).Shown
	s.limit(t, 0, 0)
	if more <= some {
		t.Errorf("under a quota nothing was shown any more: %d, and %v later %d", some, throttled, more)
	}
	r := s.close(t)
	var f figures
	f.spans = append(f.spans, span{began, began.Add(2 * throttled)})
	// A quota may starve a partition for as long as it holds, and brokers delay answers for a while after it.
	f.tell(t, r, "quotas of 6 kB/s for fetching and 0.5 kB/s for producing", 2*throttled+10*time.Second)
	for _, w := range team.at {
		if l, again := w.logged("joined", began); again {
			t.Errorf("%s had to join anew: %s", w.name, strings.TrimSpace(l.raw))
		}
	}
	team.stopAll(t)
}

// limit sets quotas in bytes a second for the workers' client id; 0: none.
func (s *stand) limit(t *testing.T, fetch, produce float64) {
	t.Helper()
	id := s.settings["client-id"]
	entry := kadm.AlterClientQuotaEntry{
		Entity: kadm.ClientQuotaEntity{{Type: "client-id", Name: &id}},
		Ops: []kadm.AlterClientQuotaOp{
			{Key: "consumer_byte_rate", Value: fetch, Remove: fetch == 0},
			{Key: "producer_byte_rate", Value: produce, Remove: produce == 0},
		},
	}
	got, err := s.cluster.admin.AlterClientQuotas(t.Context(), []kadm.AlterClientQuotaEntry{entry})
	if err == nil && len(got) > 0 {
		err = got[0].Err
	}
	if err != nil {
		t.Fatalf("setting quotas: %v", err)
	}
}

// The way to one broker is slow, and then cut again and again: the partitions that it leads get slow, and no other one's
// worker notices.
func TestTheWayToOneBrokerIsBad(t *testing.T) {
	c := clusterOf(t, 3)
	s := newStand(t, c, plan{settings: lasting})
	s.settings["brokers"] = strings.Join(c.proxied(t), ",")
	team := newCrew(t, s, 2, false)
	s.producer.start()
	wait(t, 2*time.Second)
	bad := c.broker(t, s.other(t, c.coordinator(t, s.group))).proxy
	began := time.Now()
	for _, way := range []struct {
		name  string
		make  func()
		bound time.Duration
	}{
		{"slow", func() { bad.slow(300 * time.Millisecond); wait(t, 10*time.Second) }, 5 * time.Second},
		{"cut", func() {
			for range 20 {
				bad.cut(false)
				wait(t, 300*time.Millisecond)
			}
		}, 3 * time.Second},
		{"refused", func() { bad.cut(true); wait(t, 5*time.Second) }, 8 * time.Second},
	} {
		var f figures
		before := bad.through()
		f.begin()
		way.make()
		through := bad.through() - before
		bad.mend()
		wait(t, recovery)
		f.end()
		if way.name != "refused" && through == 0 {
			t.Errorf("nothing went through the bad way while it was %s", way.name)
		}
		r := s.close(t)
		f.tell(t, r, "the way to one broker is "+way.name+" ("+strconv.FormatInt(through, 10)+" bytes went through)", slack*way.bound)
		s.producer.start()
	}
	s.close(t)
	for _, w := range team.at {
		if l, again := w.logged("joined", began); again {
			t.Errorf("%s had to join anew: %s", w.name, strings.TrimSpace(l.raw))
		}
	}
	team.stopAll(t)
}
