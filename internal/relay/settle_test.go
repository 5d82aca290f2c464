package relay_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"roomrelay/internal/relay"
	"roomrelay/internal/world"
)

// inWorld runs f in a bubble of fake time.
func inWorld(t *testing.T, cfg world.Config, f func(w *world.World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := world.New(t, cfg)
		defer w.Close()
		f(w)
	})
}

// rate limits a worker to so many calls a second.
func rate(calls float64) func(*relay.Config) {
	return func(c *relay.Config) { c.Sender.Rate = calls }
}

// ids is the msgIds of messages.
func ids(messages []world.Message) []string {
	all := make([]string, len(messages))
	for i, m := range messages {
		all[i] = m.ID
	}
	return all
}

func expectShown(t *testing.T, w *world.World, room int64, want []string) {
	t.Helper()
	if got := w.ShownIDs(room); !slices.Equal(got, want) {
		t.Errorf("room %d was shown %d messages %.300v, want %d: %.300v", room, len(got), got, len(want), want)
	}
}

func expectNothingTwice(t *testing.T, w *world.World) {
	t.Helper()
	if s := w.Sim.Stats(); s.ShownTwice != 0 || s.Unflagged != 0 {
		t.Errorf("shown twice %d, sent again unflagged %d; want none", s.ShownTwice, s.Unflagged)
	}
}

func expectLetters(t *testing.T, w *world.World, want ...string) {
	t.Helper()
	var got []string
	for _, l := range w.Letters() {
		got = append(got, l.MsgID())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("letters %v, want %v", got, want)
	}
}

func TestI1_AfterACleanStopNothingIsSentAgain(t *testing.T) {
	inWorld(t, world.Config{Partitions: 2, Forgetful: true}, func(w *world.World) {
		// Room 1 holds the watermark back, so that the settled set of the commit has to carry the rest.
		w.Intercept(func(r world.Request) world.Reaction {
			if r.Room == 1 {
				return world.Reaction{Status: 503}
			}
			return world.Reaction{}
		})
		w.Publish(world.Chat(1, "ann", 1)...)
		for room := int64(2); room < 40; room++ {
			w.Publish(world.Chat(room, "bob", 5)...)
		}
		first := w.Start(nil)
		w.Await("all but room 1 shown", time.Minute, func() bool { return len(w.Shown(0)) == 38*5 })
		if err := first.Stop(); err != nil {
			t.Fatalf("stopping: %v", err)
		}
		before := len(w.Calls())
		if offset, meta := w.Committed(0); offset != 0 {
			t.Fatalf("committed %d %q, want 0: the first event isn't settled", offset, meta)
		}
		w.Intercept(nil)
		w.Publish(world.Chat(100, "cat", 3)...)
		w.Start(nil)
		w.AwaitSettled(2 * time.Minute)
		for _, c := range w.Calls()[before:] {
			if c.Room != 1 && c.Room != 100 {
				t.Errorf("sent again after a clean stop: room %d %v", c.Room, c.IDs)
			}
		}
		expectShown(t, w, 1, ids(world.Chat(1, "ann", 1)))
		expectShown(t, w, 100, ids(world.Chat(100, "cat", 3)))
		expectNothingTwice(t, w)
	})
}

func TestI1_AfterAKillOnlyWhatMayHaveBeenSentIsFlagged(t *testing.T) {
	inWorld(t, world.Config{Forgetful: true, Relay: rate(20)}, func(w *world.World) {
		for room := range int64(60) {
			w.Publish(world.Chat(room+1, "ann", 12)...)
		}
		first := w.Start(nil)
		w.Await("half of it shown", time.Minute, func() bool { return len(w.Shown(0)) > 300 })
		first.Kill()
		w.Start(nil)
		w.AwaitSettled(10 * time.Minute)
		for room := range int64(60) {
			expectShown(t, w, room+1, ids(world.Chat(room+1, "ann", 12)))
		}
		expectNothingTwice(t, w)
		expectLetters(t, w)
		// The control: what is published after it all is not in doubt.
		w.Publish(world.Message{Room: 1, Sender: "ann", ID: "new"})
		w.AwaitSettled(time.Minute)
		if c := w.CallsWith("new"); len(c) != 1 || c[0].Flags[0] != 0 {
			t.Errorf("a new message went as %+v, want once with resendFlag 0", c)
		}
	})
}

func TestI2_NoCommitPassesAnUnsettledEvent(t *testing.T) {
	inWorld(t, world.Config{}, func(w *world.World) {
		held := true
		w.Intercept(func(r world.Request) world.Reaction {
			if r.Room == 7 && held {
				return world.Reaction{Status: 500}
			}
			return world.Reaction{}
		})
		w.Publish(world.Chat(1, "ann", 30)...)
		w.Publish(world.Chat(7, "bob", 1)...) // offset 30
		w.Publish(world.Chat(2, "cat", 30)...)
		w.Start(nil)
		w.Await("the others shown", time.Minute, func() bool { return len(w.Shown(0)) == 60 })
		for range 100 {
			time.Sleep(500 * time.Millisecond)
			if offset, _ := w.Committed(0); offset > 30 {
				t.Fatalf("committed %d, though the event at 30 isn't settled", offset)
			}
		}
		if offset, _ := w.Committed(0); offset != 30 {
			t.Errorf("committed %d, want 30: everything below is settled", offset)
		}
		held = false
		w.AwaitSettled(2 * time.Minute)
		expectShown(t, w, 7, ids(world.Chat(7, "bob", 1)))
	})
}

func TestI3_NoAttemptBeginsAfterTheLeaseRanOut(t *testing.T) {
	inWorld(t, world.Config{Forgetful: true}, func(w *world.World) {
		for room := range int64(100) {
			w.Publish(world.Chat(room+1, "ann", 10)...)
		}
		slow := w.Start(rate(2)) // buffered work for 50 s
		w.Await("some shown", time.Minute, func() bool { return len(w.Shown(0)) > 50 })
		slow.Kafka.Freeze()
		frozen := time.Now()
		time.Sleep(40 * time.Second)
		calls := w.Calls()
		if last := calls[len(calls)-1].At.Sub(frozen); last > 15*time.Second {
			t.Errorf("a call began %v after the last heartbeat could be answered, lease 15 s", last)
		} else if last < 5*time.Second {
			t.Errorf("the last call began %v after the freeze: the lease should have carried further", last)
		}
		w.Start(nil)
		w.AwaitSettled(5 * time.Minute)
		offset, _ := w.Committed(0)
		seen := len(w.Calls())
		slow.Kafka.Thaw()
		time.Sleep(time.Minute)
		if again, _ := w.Committed(0); again < offset {
			t.Errorf("the former owner took the commit back from %d to %d", offset, again)
		}
		if more := w.Calls()[seen:]; len(more) > 0 {
			t.Errorf("calls after everything was settled: %v", more)
		}
		expectNothingTwice(t, w)
	})
}

func TestI3_WhatComesToTheWireAfterTheLeaseRanOutIsntSent(t *testing.T) {
	inWorld(t, world.Config{Forgetful: true}, func(w *world.World) {
		var x *world.Worker
		x = w.Start(func(c *relay.Config) {
			c.Consumer.Lease = 4 * time.Second
			dial := c.Sender.Dial
			slow := true
			c.Sender.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if slow { // as for a process that is stopped after the check
					slow = false
					x.Kafka.Freeze()
					time.Sleep(4500 * time.Millisecond)
				}
				return dial(ctx, network, addr)
			}
		})
		w.Publish(world.Chat(1, "ann", 3)...)
		time.Sleep(30 * time.Second)
		if calls := w.Calls(); len(calls) > 0 {
			t.Fatalf("without a lease it sent %v", calls)
		}
		x.Kafka.Thaw()
		w.AwaitSettled(time.Minute)
		calls := w.Calls()
		if len(calls) != 1 || slices.Max(calls[0].Flags) != 0 {
			t.Errorf("sent as %v, want all in one call with resendFlag 0: nobody had seen a byte of it", calls)
		}
		expectShown(t, w, 1, ids(world.Chat(1, "ann", 3)))
	})
}

func TestI3_NoLetterIsWrittenAfterTheLeaseRanOut(t *testing.T) {
	inWorld(t, world.Config{}, func(w *world.World) {
		w.Intercept(func(r world.Request) world.Reaction {
			if r.Has("9-bad-0") {
				return world.Reaction{Delay: 4 * time.Second, Body: `{"code":200,"fail":[{"9-bad-0":"moderated"}],"success":[]}`}
			}
			return world.Reaction{}
		})
		w.Publish(world.Chat(1, "ann", 1)...)
		w.Publish(world.Chat(9, "bad", 1)...)
		x := w.Start(nil)
		w.Await("the refused call under way", time.Minute, func() bool { return len(w.CallsWith("9-bad-0")) > 0 })
		x.Kafka.Freeze() // the answer comes, the letter can't be written
		time.Sleep(50 * time.Second)
		w.Start(nil)
		w.AwaitSettled(5 * time.Minute)
		n := len(w.Letters())
		x.Kafka.Thaw()
		time.Sleep(time.Minute)
		if got := len(w.Letters()); got != n {
			t.Errorf("%d letters, then %d after the former owner woke up", n, got)
		}
	})
}

func TestI4_EveryEventEndsDeliveredOrAsALetter(t *testing.T) {
	inWorld(t, world.Config{Partitions: 3, Forgetful: true}, func(w *world.World) {
		var refused, delivered []string
		for room := int64(1); room <= 30; room++ {
			for i, m := range world.Chat(room, "ann", 20) {
				m.Partition = int(room) % 3
				if i%7 == 3 {
					m.ID += "-refused"
					refused = append(refused, m.ID)
				} else {
					delivered = append(delivered, m.ID)
				}
				w.Publish(m)
			}
		}
		n := 0
		w.Intercept(func(r world.Request) world.Reaction {
			n++
			for _, id := range r.IDs {
				if strings.HasSuffix(id, "-refused") {
					return world.Whole(403, "no") // the whole request: its messages go one by one
				}
			}
			switch n % 5 {
			case 1:
				return world.Reaction{Reset: true, Take: n%2 == 0}
			case 2:
				return world.Reaction{Status: 502, Body: "<html>bad gateway</html>"}
			}
			return world.Reaction{}
		})
		w.Append(0, "1", []byte("no json"))
		w.Start(nil)
		w.AwaitSettled(30 * time.Minute)
		expectLetters(t, w, append(refused, "")...)
		got := w.ShownIDs(0)
		slices.Sort(got)
		slices.Sort(delivered)
		if !slices.Equal(got, delivered) {
			t.Errorf("delivered %d, want %d", len(got), len(delivered))
		}
		expectNothingTwice(t, w)
	})
}

func TestI4_ALetterSaysWhatFailed(t *testing.T) {
	inWorld(t, world.Config{}, func(w *world.World) {
		w.Intercept(func(r world.Request) world.Reaction {
			if r.Has("5-ann-1") {
				return world.Whole(404, "room is gone")
			}
			return world.Reaction{}
		})
		w.Publish(world.Chat(5, "ann", 3)...)
		w.Start(nil)
		w.AwaitSettled(time.Minute)
		expectLetters(t, w, "5-ann-1")
		l := w.Letters()[0]
		for k, want := range map[string]string{
			"__dlq.errors.topic": world.Topic, "__dlq.errors.partition": "0", "__dlq.errors.offset": "1", "__dlq.errors.group": world.Group,
			"roomrelay.room": "5", "roomrelay.code": "404", "roomrelay.outcome": "refused", "roomrelay.replays": "0",
			"roomrelay.first-partition": "0", "roomrelay.first-offset": "1",
		} {
			if l.Headers[k] != want {
				t.Errorf("header %s = %q, want %q", k, l.Headers[k], want)
			}
		}
		if want := `"resendFlag":1`; !strings.Contains(string(l.Value), want) {
			t.Errorf("value %s lacks %s", l.Value, want)
		}
		expectShown(t, w, 5, []string{"5-ann-0", "5-ann-2"})
	})
}
