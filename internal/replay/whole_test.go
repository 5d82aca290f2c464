package replay_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/deadletter"
	"roomrelay/event"
	"roomrelay/internal/cluster"
	"roomrelay/internal/replay"
	"roomrelay/internal/world"
)

// office is an operator beside a whole worker.
type office struct {
	*world.World
	t      *testing.T
	desk   *deadletter.Desk
	refuse func(world.Request) bool
}

// inOffice runs a test in fake time with a worker whose API refuses what the test says, with code 404.
func inOffice(t *testing.T, cfg world.Config, test func(*office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg.Forgetful = true // it shows again what comes again without resendFlag
		w := world.New(t, cfg)
		defer w.Close()
		o := &office{World: w, t: t, refuse: func(world.Request) bool { return false }}
		w.Intercept(func(r world.Request) world.Reaction {
			if o.refuse(r) {
				return world.Whole(404, "gone")
			}
			return world.Reaction{}
		})
		x := w.Start(nil)
		transport := &kafka.Transport{Dial: x.Kafka.Dial, MetadataTTL: time.Second}
		defer transport.CloseIdleConnections()
		c := &cluster.Client{Transport: transport, Addr: kafka.TCP(w.Cluster.ListenAddrs()...)}
		o.desk = &deadletter.Desk{Client: c, Topic: world.Letters, Source: world.Topic, Group: world.Group, Progress: replay.Progress(c)}
		test(o)
	})
}

func (o *office) outstanding() (*deadletter.Ledger, []*deadletter.Entry) {
	o.t.Helper()
	l, err := o.desk.Read(context.Background(), deadletter.Reading{})
	if err != nil {
		o.t.Fatal(err)
	}
	return l, l.Matching(deadletter.Outstanding)
}

// replay replays all that is outstanding, and waits until it is settled.
func (o *office) replay(change func(*replay.Config)) *replay.Outcome {
	o.t.Helper()
	l, entries := o.outstanding()
	cfg := replay.Config{Desk: o.desk, Ledger: l, To: world.Topic, By: "ann", RoomRate: 10, MaxUnsettled: 1000}
	if change != nil {
		change(&cfg)
	}
	r := replay.New(cfg, entries)
	if _, err := r.Run(context.Background()); err != nil {
		o.t.Fatal(err)
	}
	out, err := r.Await(context.Background(), 5*time.Minute)
	if err != nil || out.Open != 0 {
		o.t.Fatalf("%+v %v", out, err)
	}
	return out
}

func (o *office) expectOnce(room int64, want ...string) {
	o.t.Helper()
	if got := o.ShownIDs(room); !slices.Equal(got, want) {
		o.t.Errorf("room %d was shown %v, want %v", room, got, want)
	}
	if s := o.Sim.Stats(); s.ShownTwice != 0 || s.Unflagged != 0 {
		o.t.Errorf("shown twice %d, unflagged %d", s.ShownTwice, s.Unflagged)
	}
}

func TestI4_WhatFailedIsListedReplayedDeliveredAndNothingIsOutstanding(t *testing.T) {
	inOffice(t, world.Config{Partitions: 3}, func(o *office) {
		o.refuse = func(r world.Request) bool { return r.Room == 1 }
		o.Publish(world.Chat(1, "ann", 30)...)
		o.Publish(world.Chat(2, "bob", 5)...)
		o.AwaitSettled(5 * time.Minute)
		if _, entries := o.outstanding(); len(entries) != 30 {
			t.Fatalf("%d outstanding, want 30", len(entries))
		}
		o.expectOnce(1)

		// Nothing has changed: they come back, and are the same letters.
		out := o.replay(nil)
		if out.Published != 30 || out.CameBack() != 30 || out.Back["refused-request"] != 30 {
			t.Errorf("%+v", out)
		}
		l, entries := o.outstanding()
		if len(entries) != 30 || entries[0].Replays != 1 || len(l.Entries) != 30 {
			t.Errorf("%d outstanding of %d, replayed %d times", len(entries), len(l.Entries), entries[0].Replays)
		}

		o.refuse = func(world.Request) bool { return false }
		if out := o.replay(nil); out.Published != 30 || out.CameBack() != 0 || out.Settled != 30 {
			t.Errorf("%+v", out)
		}
		var want []string
		for _, m := range world.Chat(1, "ann", 30) {
			want = append(want, m.ID)
		}
		o.expectOnce(1, want...)
		if l, entries := o.outstanding(); len(entries) != 0 || len(l.Entries) != 0 || l.Ended[world.Group] != 30 {
			t.Errorf("%d outstanding, %d on their way, %d done", len(entries), len(l.Entries)-len(entries), l.Ended[world.Group])
		}
	})
}

func TestAMendedLetterIsDelivered(t *testing.T) {
	inOffice(t, world.Config{}, func(o *office) {
		o.Append(0, "1", []byte(`{"roomid":1,"fromAccid":"ann","msgId":"bad","msgType":77,"attach":"hi"}`))
		o.AwaitSettled(time.Minute)
		l, entries := o.outstanding()
		if len(entries) != 1 || !entries[0].Invalid {
			t.Fatalf("%+v", entries)
		}
		if chosen, _ := replay.Choose(l, entries, replay.Rules{Topic: world.Topic, Now: time.Now()}); len(chosen) != 0 {
			t.Error("it is chosen as it is")
		}
		literal, _ := event.Literal("msgType", "0")
		o.replay(func(c *replay.Config) { c.Mend.Set = []replay.Field{{Name: "msgType", Literal: literal}} })
		o.expectOnce(1, "bad")
		if _, entries := o.outstanding(); len(entries) != 0 {
			t.Errorf("%d outstanding", len(entries))
		}
	})
}

func TestI5_ALetterThatIsPublishedTwiceIsShownOnceAndStaysOneLetter(t *testing.T) {
	for name, c := range map[string]struct {
		gone             bool // it is refused again
		shown            []string
		outstanding, out int
	}{
		"delivered": {false, []string{"1-ann-0"}, 0, 0},
		"came back": {true, nil, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, world.Config{}, func(o *office) {
				o.refuse = func(r world.Request) bool { return r.Room == 1 }
				o.Publish(world.Chat(1, "ann", 1)...)
				o.AwaitSettled(time.Minute)
				o.refuse = func(r world.Request) bool { return r.Room == 1 && c.gone }

				// One operator's tool dies before it marks; another one has read the same ledger.
				l, entries := o.outstanding()
				cfg := replay.Config{Desk: o.desk, Ledger: l, To: world.Topic, By: "ann"}
				dies, other := replay.New(cfg, entries), replay.New(cfg, entries)
				var published atomic.Bool
				o.Cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
					o.Cluster.KeepControl()
					if r.(*kmsg.ProduceRequest).Topics[0].Topic == world.Topic {
						published.Store(true)
					}
					return nil, nil, false
				})
				deny := o.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: world.Letters, Err: kerr.TopicAuthorizationFailed, Count: 1, When: func(kmsg.Request) bool {
					return published.Load()
				}})
				if out, err := dies.Run(context.Background()); !errors.Is(err, deadletter.ErrMarks) || out.Unmarked != 1 {
					t.Fatalf("%+v %v", out, err)
				}
				deny.Remove()
				if out, err := other.Run(context.Background()); err != nil || out.Published != 1 {
					t.Fatalf("%+v %v", out, err)
				}
				o.AwaitSettled(time.Minute)
				o.expectOnce(1, c.shown...)
				ledger, entries := o.outstanding()
				if len(entries) != c.outstanding || len(ledger.Entries) != c.outstanding {
					t.Errorf("%d outstanding of %d letters", len(entries), len(ledger.Entries))
				}
			})
		})
	}
}

func TestALetterWhoseEventIsNotSettledIsLeftToItsWorker(t *testing.T) {
	inOffice(t, world.Config{}, func(o *office) {
		var refused atomic.Bool
		o.refuse = func(r world.Request) bool {
			refused.Store(true)
			return r.Room == 1
		}
		// The letter is written, and no commit comes through after it.
		deny := o.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.NotCoordinator, Count: -1, When: func(kmsg.Request) bool {
			return refused.Load()
		}})
		o.Publish(world.Chat(1, "ann", 1)...)
		o.Await("the letter", time.Minute, func() bool { return len(o.Letters()) == 1 })
		l, entries := o.outstanding()
		chosen, aside := replay.Choose(l, entries, replay.Rules{Topic: world.Topic, Now: time.Now()})
		if len(chosen) != 0 || len(aside) != 1 {
			t.Errorf("%d chosen, aside %v", len(chosen), aside)
		}
		deny.Remove()
		o.AwaitSettled(time.Minute)
		l, entries = o.outstanding()
		if chosen, _ := replay.Choose(l, entries, replay.Rules{Topic: world.Topic, Now: time.Now()}); len(chosen) != 1 {
			t.Errorf("%d chosen once it is settled", len(chosen))
		}
	})
}
