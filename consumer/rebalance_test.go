package consumer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/consumer/internal/offsets"
)

// A partition comes back while it is given up. Its claim has ended, but for its last commit, when the next rebalance
// begins: the JoinGroup doesn't name it as ours, and the leader gives it to another at once. If it were taken anew in
// between, as the assignment of before has it, two would send it.
func TestI3_WhatAJoinDidNotNameIsNotTakenBeforeItIsAssignedAgain(t *testing.T) {
	w := newRig(t).start()
	w.stop()
	c := w.Consumer
	c.run, c.draining = t.Context(), false
	x := claims{c}
	ended := newClaim(c, 1, 1)
	ended.lose()
	c.live.Store(&map[int32]*claim{1: ended})
	x.Assign([]int32{1})
	if owned := x.Owned(); len(owned) > 0 {
		t.Fatalf("the JoinGroup names %v", owned)
	}
	c.over(ended)
	if live := *c.live.Load(); len(live) > 0 {
		t.Errorf("taken again: %v", live)
	}
}

// Two share, a third joins: each record is settled once, what doesn't move keeps its epoch, and nobody is
// held up for longer than a hand-over.
func TestWhatStaysGoesOnThroughARebalance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(6))
		workers := []*worker{g.start(), g.start()}
		await(t, "two share", 30*time.Second, func() bool { return len(workers[0].holds()) == 3 && len(workers[1].holds()) == 3 })
		published := 0
		publish := func() {
			for p := range 6 {
				g.publish(p, 20)
			}
			published += 120
		}
		publish()
		time.Sleep(time.Second)
		before := []map[int32]uint64{workers[0].holds(), workers[1].holds()}
		workers = append(workers, g.start())
		for range 20 {
			publish()
			time.Sleep(500 * time.Millisecond)
		}
		total := func() (n int) {
			for _, w := range workers {
				n += w.count()
			}
			return n
		}
		await(t, "all", 20*time.Second, func() bool { return total() >= published })
		time.Sleep(3 * time.Second)
		if total() != published {
			t.Fatalf("%d records for %d published", total(), published)
		}
		for i, w := range workers {
			held := w.holds()
			if len(held) != 2 {
				t.Fatalf("worker %d holds %v", i, held)
			}
			for p, epoch := range held {
				if i < 2 && before[i][p] != epoch {
					t.Fatalf("worker %d: partition %d was taken anew", i, p)
				}
			}
			if w.noticed(Lost) != 0 || w.denied > 0 {
				t.Fatalf("worker %d: lost %d, %d attempts denied", i, w.noticed(Lost), w.denied)
			}
			for _, r := range w.records() {
				if r.InDoubt {
					t.Fatalf("after a clean hand-over in doubt: %+v", r)
				}
			}
		}
	})
}

// Nothing of a partition begins once it is to be given up, and nothing is committed for it after that.
func TestI3NothingIsCommittedForAPartitionThatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(2))
		commits := g.commits()
		first := g.holding()
		first.muted()
		g.publish(0, 10)
		g.publish(1, 10)
		first.awaitRecords(20)
		first.send()
		second := g.start()
		await(t, "revoking", 30*time.Second, func() bool { return first.noticed(Revoking) == 1 })
		first.mu.Lock()
		given := first.notices[len(first.notices)-1]
		first.mu.Unlock()
		for _, r := range first.records() {
			want := r.Partition != given.Partition
			if first.Begin(&r) != want || !first.Owned(&r) {
				t.Fatalf("partition %d (given up: %v): may be sent: %v, lettered: %v", r.Partition, !want, !want, first.Owned(&r))
			}
		}
		time.Sleep(10 * time.Second)
		if len(second.holds()) != 0 {
			t.Fatal("given away while something of it was on its way")
		}
		for _, r := range first.records() { // some outcomes come in; 5 to 9 have none
			if r.Offset < 5 {
				first.Settle(&r)
			}
		}
		first.mu.Lock()
		delete(first.epochs, given.Partition)
		first.mu.Unlock()
		first.Drained(given.Partition, given.Epoch)
		await(t, "taken over", 20*time.Second, func() bool { return len(second.holds()) == 1 })
		time.Sleep(5 * time.Second)
		if by := commits(given.Partition); len(by) != 2 {
			t.Fatalf("partition %d was committed in turn by %v", given.Partition, by)
		}
		if n := second.count(); n != 5 {
			t.Fatalf("%d records after the hand-over, want the 5 without outcome", n)
		}
		for _, r := range second.records() {
			if !r.InDoubt || r.Offset < 5 {
				t.Fatalf("handed over: %+v", r)
			}
		}
	})
}

// A partition that moves on before its position is known was never anybody's business.
func TestAPartitionMayBeRevokedBeforeItIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(2))
		swallow := g.swallow(kmsg.OffsetFetch)
		first := g.start()
		time.Sleep(2 * time.Second)
		if err := first.Ready(); !contains(err, "taking over partition") {
			t.Fatalf("ready: %v", err)
		}
		second := g.start()
		time.Sleep(10 * time.Second)
		swallow.Store(false)
		await(t, "both share", 30*time.Second, func() bool { return len(first.holds()) == 1 && len(second.holds()) == 1 })
		if n := first.noticed(Revoking) + first.noticed(Lost); n != 0 || first.noticed(Assigned) != 1 {
			t.Fatalf("told of %d ends", n)
		}
	})
}

func TestAHandOverThatDrainsNotIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(2))
		first := g.holding()
		first.muted()
		g.publish(0, 10)
		g.publish(1, 10)
		first.awaitRecords(20)
		first.send()
		second := g.start()
		await(t, "taken over", 90*time.Second, func() bool { return second.count() == 10 })
		if first.noticed(Lost) != 1 {
			t.Fatal("the wiring wasn't told that the partition is lost")
		}
		for _, r := range second.records() {
			if !r.InDoubt {
				t.Fatalf("not in doubt: %+v", r)
			}
		}
	})
}

func TestAFrozenCoordinatorEndsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.holding()
		g.publish(0, 3)
		w.awaitRecords(3)
		frozen := g.swallow(kmsg.Heartbeat)
		if w.send() != 3 {
			t.Fatal("may not be sent within the lease")
		}
		time.Sleep(18 * time.Second)
		r := w.records()[0]
		if w.send() != 0 || w.Owned(&r) || w.Ready() == nil {
			t.Fatal("sent without an answered heartbeat for longer than the lease")
		}
		frozen.Store(false)
		await(t, "the lease is back", 20*time.Second, func() bool { return w.send() == 3 })
		if w.noticed(Lost) != 0 || w.noticed(Assigned) != 1 {
			t.Fatal("an unanswered heartbeat cost the partition")
		}
		w.release()
	})
}

func TestAMemberThatIsCutOffStopsBeforeItsPartitionsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		first := g.holding()
		g.publish(0, 3)
		first.awaitRecords(3)
		second := g.start()
		time.Sleep(10 * time.Second)
		first.link.set(true, true)
		cut := time.Now()
		for len(second.holds()) == 0 {
			if time.Since(cut) > time.Minute {
				t.Fatal("the session didn't run out")
			}
			sent := first.send()
			if since := time.Since(cut); since > 15*time.Second && sent > 0 {
				t.Fatalf("an attempt began %v after the cut", since)
			}
			time.Sleep(time.Second)
		}
		first.link.set(false, false)
		await(t, "lost", 20*time.Second, func() bool { return first.noticed(Lost) == 1 })
		second.awaitRecords(3)
		if second.records()[0].InDoubt != true {
			t.Fatal("what the first had sent isn't in doubt")
		}
	})
}

func TestAStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(2))
		w := g.holding()
		w.muted()
		g.publish(0, 3)
		w.awaitRecords(3)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		began := time.Now()
		err := w.Drain(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 20*time.Second {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		<-w.done
	})
}

func TestAStoppedMemberLeavesUnlessItIsStatic(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*Config)
		leaves bool
	}{
		"dynamic":                  {func(*Config) {}, true},
		"static":                   {named("a"), false},
		"static and told to leave": {func(c *Config) { c.InstanceID, c.LeaveOnStop = "a", true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, seeded(2))
				w := g.start(x.change)
				g.publish(0, 100)
				w.awaitRecords(100)
				began := time.Now()
				w.stop()
				if took := time.Since(began); took > time.Second {
					t.Fatalf("took %v", took)
				}
				if left := len(g.GroupInfo(groupID).Members) == 0; left != x.leaves {
					t.Fatalf("left: %v", left)
				}
				if c, meta := g.stored(0); c.Offset != 100 || meta.SentTo != 100 {
					t.Fatalf("last commit %+v", c)
				}
			})
		})
	}
}

func TestAHardEndCommitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		w := g.holding(func(c *Config) { c.CommitEvery = time.Hour })
		g.publish(0, 10)
		w.awaitRecords(10)
		time.Sleep(time.Second)
		before, _ := g.stored(0)
		w.release()
		w.cancel()
		<-w.done
		if !errors.Is(w.err, context.Canceled) {
			t.Fatalf("ended with %v", w.err)
		}
		if after, _ := g.stored(0); after != before {
			t.Fatalf("commit %+v became %+v", before, after)
		}
	})
}

func TestNewPartitionsAndALateTopicAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		w := g.start()
		time.Sleep(5 * time.Second)
		if err := w.Ready(); !contains(err, `topic "chat" doesn't exist`) {
			t.Fatalf("without topic: %v", err)
		}
		if err := g.CreateTopic(topic, 1, nil); err != nil {
			t.Fatal(err)
		}
		w.awaitReady()
		g.publish(0, 5)
		w.awaitRecords(5)
		answer, err := g.client.CreatePartitions(t.Context(), &kafka.CreatePartitionsRequest{
			Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 3}},
		})
		if err != nil || answer.Errors[topic] != nil {
			t.Fatal(err, answer)
		}
		await(t, "new partitions", 10*time.Second, func() bool { return len(w.holds()) == 3 })
		time.Sleep(2 * time.Second)
		g.publish(2, 5)
		w.awaitRecords(10)
		if held, total := w.Partitions(); held != 3 || total != 3 || w.noticed(Assigned) != 3 {
			t.Fatalf("holds %d of %d, assigned %d times", held, total, w.noticed(Assigned))
		}
	})
}

// A worker takes a partition again while one of its commits may still be applied: it remembers.
func TestLowSentToIsRememberedOverARejoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, seeded(1))
		// With a name it is back at once: while its last commit is under way.
		w := g.start(named("a"))
		g.publish(0, 10)
		w.awaitRecords(10)
		time.Sleep(3 * time.Second)
		_, meta := g.stored(0)
		swallow := g.swallow(kmsg.OffsetCommit)
		g.publish(0, 5) // makes a commit, which isn't answered
		time.Sleep(1500 * time.Millisecond)
		swallow.Store(false)
		g.Fault(faultOnce(kmsg.Heartbeat, "UNKNOWN_MEMBER_ID"))
		await(t, "lost", 5*time.Second, func() bool { return w.noticed(Lost) == 1 })
		var low offsets.Low
		await(t, "taken anew", time.Minute, func() bool {
			cl := (*w.live.Load())[0]
			if cl == nil || cl.epoch != 2 {
				return false
			}
			cl.mu.Lock()
			defer cl.mu.Unlock()
			if cl.tracker == nil {
				return false
			}
			low = cl.tracker.Low()
			return true
		})
		if !low.Any() || low.SentTo < meta.SentTo {
			t.Fatalf("remembered %+v", low)
		}
		await(t, "forgotten after an acknowledged commit", time.Minute, func() bool { return !w.remembered(memo{w.topicID(), 0}).Any() })
	})
}
