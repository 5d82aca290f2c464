package relay_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"roomrelay/batcher"
	"roomrelay/internal/relay"
	"roomrelay/internal/world"
)

func TestI5_WhatMayHaveReachedTheAPIGoesAgainFlagged(t *testing.T) {
	for name, first := range map[string]world.Reaction{
		"reset after it was taken":  {Take: true, Reset: true},
		"reset before it was taken": {Reset: true},
		"time-out, taken":           {Take: true, Delay: 6 * time.Second},
		"gateway 502":               {Status: 502, Body: "<html>"},
		"code 500":                  world.Whole(500, "internal"),
		"garbage":                   {Body: "%%%"},
		"login page":                {Body: "<html>please log in</html>"},
		"left out of both lists":    {Body: `{"code":200,"fail":[],"success":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, world.Config{Forgetful: true}, func(w *world.World) {
				n := 0
				w.Intercept(func(world.Request) world.Reaction {
					if n++; n == 1 {
						return first
					}
					return world.Reaction{}
				})
				w.Publish(world.Chat(1, "ann", 3)...)
				w.Start(nil)
				w.AwaitSettled(time.Minute)
				calls := w.Calls()
				if len(calls) != 2 || !slices.Equal(calls[0].Flags, []int{0, 0, 0}) || !slices.Equal(calls[1].Flags, []int{1, 1, 1}) {
					t.Errorf("calls %+v, want one with flags 0, then one with flags 1", calls)
				}
				expectShown(t, w, 1, ids(world.Chat(1, "ann", 3)))
				expectNothingTwice(t, w)
			})
		})
	}
}

func TestI5_ADefiniteRefusalToTakeItKeepsTheFlag(t *testing.T) {
	inWorld(t, world.Config{Forgetful: true}, func(w *world.World) {
		n := 0
		w.Intercept(func(world.Request) world.Reaction {
			if n++; n == 1 {
				return world.Whole(416, "query too fast")
			}
			return world.Reaction{}
		})
		w.Publish(world.Chat(1, "ann", 2)...)
		w.Start(nil)
		w.AwaitSettled(time.Minute)
		if c := w.Calls(); len(c) != 2 || c[1].Flags[0] != 0 {
			t.Errorf("calls %+v, want a second one with resendFlag 0", c)
		}
	})
}

func TestI5_ARepeatedMessageOfTheTopicIsFlagged(t *testing.T) {
	inWorld(t, world.Config{Forgetful: true}, func(w *world.World) {
		m := world.Chat(1, "ann", 1)[0]
		w.Publish(m)
		w.Start(nil)
		w.AwaitSettled(time.Minute)
		w.Publish(m)
		w.AwaitSettled(time.Minute)
		expectShown(t, w, 1, []string{m.ID})
		expectNothingTwice(t, w)
	})
}

func TestI6_LanesKeepTheirOrderThroughFaults(t *testing.T) {
	for name, ordering := range map[string]batcher.Ordering{"sender": batcher.BySender, "room": batcher.ByRoom} {
		t.Run(name, func(t *testing.T) {
			cfg := world.Config{Forgetful: true, Relay: func(c *relay.Config) { c.Batcher.Ordering = ordering }}
			inWorld(t, cfg, func(w *world.World) {
				var published []world.Message
				for i := range 400 {
					published = append(published, world.Message{Room: int64(1 + i%4), Sender: fmt.Sprint("s", i*7%5), ID: fmt.Sprintf("m%03d", i)})
				}
				w.Publish(published...)
				n := 0
				w.Intercept(func(world.Request) world.Reaction {
					n++
					switch n % 6 {
					case 1:
						return world.Reaction{Take: true, Reset: true}
					case 3:
						return world.Whole(503, "busy")
					case 4:
						return world.Reaction{Delay: 700 * time.Millisecond}
					}
					return world.Reaction{}
				})
				w.Start(nil)
				w.AwaitSettled(20 * time.Minute)
				last := map[string]string{}
				for _, s := range w.Shown(0) {
					lane := fmt.Sprint(s.Room)
					if ordering == batcher.BySender {
						lane += s.Sender
					}
					if s.MsgID < last[lane] {
						t.Errorf("lane %s: %s was shown after %s", lane, s.MsgID, last[lane])
					}
					last[lane] = s.MsgID
				}
				if got := len(w.Shown(0)); got != len(published) {
					t.Errorf("%d shown, want %d", got, len(published))
				}
				expectNothingTwice(t, w)
			})
		})
	}
}

func TestI11_SentExactlyWhenTheWindowEnds(t *testing.T) {
	inWorld(t, world.Config{}, func(w *world.World) {
		w.Publish(world.Message{Room: 99, Sender: "x", ID: "warm-up"})
		w.Start(nil)
		w.AwaitSettled(time.Minute)
		for i := range 20 {
			id := fmt.Sprint("one-", i)
			begun := time.Now()
			w.Publish(world.Message{Room: int64(i + 1), Sender: "ann", ID: id})
			w.Await("it is shown", time.Second, func() bool { return len(w.CallsWith(id)) > 0 })
			// No network and no computation takes fake time, so the wait is the window and nothing else.
			if wait := w.CallsWith(id)[0].At.Sub(begun); wait != 100*time.Millisecond {
				t.Errorf("%s went %v after it was published, want the window of 100ms", id, wait)
			}
			time.Sleep(time.Duration(i*37) * time.Millisecond)
		}
	})
}

func TestI11_AFullBatchDoesNotWait(t *testing.T) {
	inWorld(t, world.Config{Relay: func(c *relay.Config) { c.Batcher.Window = time.Hour }}, func(w *world.World) {
		w.Start(nil)
		time.Sleep(5 * time.Second)
		begun := time.Now()
		w.Publish(world.Chat(1, "ann", 25)...)
		w.Await("two full batches are shown", 10*time.Second, func() bool { return len(w.Shown(1)) >= 20 })
		for _, c := range w.Calls() {
			if len(c.IDs) != 10 || c.At.Sub(begun) > 2*time.Second {
				t.Errorf("a call of %d messages after %v, want 10 at once", len(c.IDs), c.At.Sub(begun))
			}
		}
		time.Sleep(time.Minute)
		if got := len(w.Shown(1)); got != 20 {
			t.Errorf("%d shown: the five that fill no batch must wait for their window", got)
		}
		time.Sleep(time.Hour)
		expectShown(t, w, 1, ids(world.Chat(1, "ann", 25)))
	})
}

func TestI12_CallsAreOfOneRoomSenderAndOptionsAndPaced(t *testing.T) {
	inWorld(t, world.Config{Partitions: 4, Rate: 100, Relay: rate(90)}, func(w *world.World) {
		for i := range 3000 {
			id := fmt.Sprint("m", i)
			if i%50 == 1 {
				id = fmt.Sprint("m", i-1) // the same message once more
			}
			w.Publish(world.Message{Room: int64(i%17 + 1), Sender: fmt.Sprint("s", i%3), ID: id, Partition: i % 17 % 4})
		}
		w.Start(nil)
		time.Sleep(10 * time.Second)
		w.Start(nil) // shares the rate from now on
		w.AwaitSettled(10 * time.Minute)
		calls := w.Calls()
		for i, c := range calls {
			if len(c.IDs) < 1 || len(c.IDs) > 10 {
				t.Errorf("a call of %d messages", len(c.IDs))
			}
			if s := slices.Compact(slices.Sorted(slices.Values(c.IDs))); len(s) != len(c.IDs) {
				t.Errorf("a msgId twice in one call: %v", c.IDs)
			}
			if i >= 90 && c.At.Sub(calls[i-90].At) < time.Second {
				t.Fatalf("91 calls within %v", c.At.Sub(calls[i-90].At))
			}
		}
		if n := w.Sim.Stats().ByCode["416"]; n != 0 {
			t.Errorf("%d answers 416, want none", n)
		}
		// The rate is used: 3,000 messages of 51 lanes need at least 300 calls.
		if took := calls[len(calls)-1].At.Sub(calls[0].At); took > 25*time.Second {
			t.Errorf("%d calls took %v: the rate isn't used", len(calls), took)
		}
	})
}

func TestI12_NoCallWithinTenSecondsOfA416(t *testing.T) {
	inWorld(t, world.Config{}, func(w *world.World) {
		var penalty time.Time
		w.Intercept(func(r world.Request) world.Reaction {
			if penalty.IsZero() && r.Room == 5 {
				penalty = time.Now()
				return world.Whole(416, "query too fast")
			}
			return world.Reaction{}
		})
		for room := int64(1); room < 50; room++ {
			w.Publish(world.Chat(room, "ann", 30)...)
		}
		w.Start(func(c *relay.Config) { c.Batcher.Slots = 2 })
		w.AwaitSettled(5 * time.Minute)
		after := false
		for _, c := range w.Calls() {
			d := c.At.Sub(penalty)
			if d > 0 && d < 10*time.Second {
				t.Errorf("a call %v after the 416", d)
			}
			after = after || d >= 10*time.Second
		}
		if penalty.IsZero() || !after {
			t.Error("the test proved nothing: no 416, or nothing after it")
		}
	})
}
