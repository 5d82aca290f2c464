package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/deadletter"
	"roomrelay/event"
)

func TestLettersGoBackToWhereTheyStoodInTheOrderOfTheirEvents(t *testing.T) {
	inRig(t, func(x *rig) {
		x.fail(letter(1, 30, nil), letter(1, 10, nil), letter(4, 20, nil), letter(2, 5, nil))
		out, err := x.replay(nil).Run(context.Background())
		if err != nil || out.Published != 4 {
			t.Fatalf("%+v %v", out, err)
		}
		got := x.published("chat")
		if a, b, c := ids(got[0]), ids(got[1]), ids(got[2]); a != "" || b != "m10 m20 m30" || c != "m5" {
			t.Errorf("partitions have %q, %q and %q", a, b, c)
		}
		r := &got[1][0]
		e, err := event.Decode(event.Record{Value: r.Value})
		if err != nil || e.Resend != 1 || string(r.Key) != "1" {
			t.Errorf("key %s, resendFlag %d, %v", r.Key, e.Resend, err)
		}
		for name, want := range map[string]string{
			"trace": "10", deadletter.HeaderReplays: "1", deadletter.HeaderFirstPartition: "1", deadletter.HeaderFirstOffset: "10",
			deadletter.HeaderGroup: "g", deadletter.HeaderTopic: "chat", deadletter.HeaderReason: "",
		} {
			if h := header(r, name); h != want {
				t.Errorf("%s is %q, want %q", name, h, want)
			}
		}
		if l, left := x.outstanding(); len(left) != 0 || l.Ended["g"] != 4 {
			t.Errorf("%d outstanding, %d done", len(left), l.Ended["g"])
		}
	})
}

func TestLettersOfAPartitionThatIsGoneGoByTheirKey(t *testing.T) {
	inRig(t, func(x *rig) {
		x.fail(letter(7, 10, func(l *deadletter.Letter) { l.Record.Partition = 9 }))
		if _, err := x.replay(nil).Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := x.published("chat"); ids(got[byKey([]byte("7"), []int32{0, 1, 2})]) != "m10" {
			t.Errorf("%v", got)
		}
	})
}

func TestWhatIsChangedOnTheWay(t *testing.T) {
	set := func(pairs ...string) (m Mend) {
		for i := 0; i < len(pairs); i += 2 {
			literal, err := event.Literal(pairs[i], pairs[i+1])
			if err != nil {
				t.Fatal(err)
			}
			m.Set = append(m.Set, Field{pairs[i], literal})
		}
		return m
	}
	unknown := func(l *deadletter.Letter) { l.Outcome = deadletter.OutcomeUnknown }
	invalid := func(l *deadletter.Letter) {
		l.Record.Value, l.Invalid, l.Reason = []byte("not json \xff"), true, deadletter.ReasonInvalid
	}
	for name, c := range map[string]struct {
		letter func(*deadletter.Letter)
		mend   Mend
		value  string // published; "": it isn't
		key    string
		aside  string
	}{
		"nothing":                    {nil, Mend{}, `{"roomid":1,"fromAccid":"ann","msgId":"m5","msgType":0,"attach":"a","resendFlag":1}`, "1", ""},
		"a field":                    {nil, set("attach", "b"), `{"roomid":1,"fromAccid":"ann","msgId":"m5","msgType":0,"attach":"b","resendFlag":1}`, "1", ""},
		"the room":                   {nil, set("roomid", "2"), `{"roomid":2,"fromAccid":"ann","msgId":"m5","msgType":0,"attach":"a","resendFlag":1}`, "2", ""},
		"what may have been shown":   {unknown, set("attach", "b"), "", "", "it may have been shown, so it can be changed only together with a new msgId"},
		"that with a new msgId":      {unknown, set("attach", "b", "msgId", "n"), `{"roomid":1,"fromAccid":"ann","msgId":"n","msgType":0,"attach":"b","resendFlag":1}`, "1", ""},
		"to what would be refused":   {nil, set("msgType", "77"), "", "", "the worker would refuse it again: msgType: is 77, want one of 0 1 2 3 4 6 10 100"},
		"undecodable":                {invalid, Mend{}, "", "", "the worker would refuse it again: event: is no valid JSON at byte 1"},
		"undecodable, another value": {invalid, Mend{Value: []byte(`{"roomid":1,"fromAccid":"b","msgId":"n","msgType":0}`)}, `{"roomid":1,"fromAccid":"b","msgId":"n","msgType":0,"resendFlag":1}`, "1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			inRig(t, func(x *rig) {
				x.fail(letter(1, 5, c.letter))
				out, err := x.replay(func(cfg *Config) { cfg.Mend = c.mend }).Run(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				if c.aside != "" {
					if out.Aside[c.aside] != 1 || x.count("chat") != 0 {
						t.Errorf("%+v", out)
					}
					return
				}
				var got string
				var key []byte
				for p, records := range x.published("chat") {
					for _, r := range records {
						got, key = string(r.Value), r.Key
						if want := byKey([]byte(c.key), []int32{0, 1, 2}); c.key != "1" && int32(p) != want {
							t.Errorf("it stands in partition %d, its key says %d", p, want)
						}
					}
				}
				if got != c.value || string(key) != c.key {
					t.Errorf("published %s under %s", got, key)
				}
			})
		})
	}
}

func TestATruncatedLetterIsTakenFromWhereItsEventStood(t *testing.T) {
	inRig(t, func(x *rig) {
		// It stands at offset 0 of partition 1; what stands at offset 1 is another message.
		whole := letter(1, 0, nil)
		for _, l := range []*deadletter.Letter{whole, letter(1, 8, nil)} {
			if _, err := x.desk().Client.Append(context.Background(), "chat", 1, append(messages(l), nil...)); err != nil {
				t.Fatal(err)
			}
		}
		cut := func(l *deadletter.Letter) { l.Record.Oversize, l.Record.Value, l.Record.Headers = 80, nil, nil }
		x.fail(letter(1, 0, cut), letter(1, 1, cut), letter(1, 77, cut))
		out, err := x.replay(nil).Run(context.Background())
		if err != nil || out.Published != 1 || out.Left() != 2 {
			t.Fatalf("%+v %v", out, err)
		}
		got := x.published("chat")[1]
		if last := &got[len(got)-1]; len(got) != 3 || ids(got[2:]) != "m0" || header(last, "trace") != "0" {
			t.Errorf("%s", ids(got))
		}
	})
}

func TestARoomGetsNoMoreThanItsRateAndOthersDoNotWaitForIt(t *testing.T) {
	inRig(t, func(x *rig) {
		var all []*deadletter.Letter
		for i := range int64(100) {
			all = append(all, letter(1, i, nil))
		}
		x.fail(append(all, letter(2, 500, nil), letter(3, 501, nil))...)
		begun := time.Now()
		r := x.replay(func(c *Config) { c.RoomRate = 10 })
		if _, err := r.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("100 letters of a room took %v, want 9 s and some", took)
		}
		got := x.published("chat")
		for i, a := range got[1] {
			if i >= 10 && a.Time.Sub(got[1][i-10].Time) < 990*time.Millisecond {
				t.Errorf("11 letters of a room within %v", a.Time.Sub(got[1][i-10].Time))
			}
		}
		for _, other := range []int{0, 2} {
			if at := got[other][0].Time.Sub(begun); at > time.Second {
				t.Errorf("another room waits %v", at)
			}
		}
	})
}

func TestNoMoreThanSoManyAreUnsettled(t *testing.T) {
	inRig(t, func(x *rig) {
		x.pace = 20 // are settled a second
		var all []*deadletter.Letter
		for i := range int64(300) {
			all = append(all, letter(i, i, nil))
		}
		x.fail(all...)
		most := 0
		r := x.replay(func(c *Config) {
			c.MaxUnsettled = 50
			c.Report = func(m Report) { most = max(most, m.Unsettled) }
		})
		begun := time.Now()
		out, err := r.Run(context.Background())
		if err != nil || out.Published != 300 || most > 50 || most < 40 {
			t.Errorf("%+v %v: %d unsettled at most", out, err, most)
		}
		if took := time.Since(begun); took < 10*time.Second || took > 20*time.Second {
			t.Errorf("it took %v, want 250 at 20 a second", took)
		}
		out, err = r.Await(context.Background(), time.Minute)
		if err != nil || out.Settled != 300 || out.Open != 0 || out.CameBack() != 0 {
			t.Errorf("%+v %v", out, err)
		}
	})
}

func TestLiveChatGoesFirst(t *testing.T) {
	inRig(t, func(x *rig) {
		var all []*deadletter.Letter
		for i := range int64(100) {
			all = append(all, letter(1, i, nil))
		}
		x.fail(all...)
		said := ""
		r := x.replay(func(c *Config) {
			c.RoomRate = 2
			c.Tell = func(format string, args ...any) { said += fmt.Sprintf(format, args...) + "\n" }
		})
		ended := make(chan error)
		go func() { _, err := r.Run(context.Background()); ended <- err }()
		grow := func(seconds int, by int64) {
			for range seconds {
				x.mu.Lock()
				x.lag += by
				x.mu.Unlock()
				time.Sleep(time.Second)
			}
		}
		grow(5, 0)
		before := x.count("chat")
		grow(10, 500) // to 5,000
		paused := x.count("chat")
		grow(30, 500)
		if got := x.count("chat"); before == 0 || paused-before > 12 || got != paused {
			t.Errorf("%d published before the lag grew, %d some seconds later, %d half a minute later: want a pause", before, paused, got)
		}
		if !strings.Contains(said, "live chat goes first, and the group's lag grows") || !strings.Contains(said, "nobody is working: group g has no members") {
			t.Errorf("it says %q", said)
		}
		grow(60, 0)
		if err := <-ended; err != nil || x.count("chat") != 100 {
			t.Errorf("%v, %d published once it stopped growing", err, x.count("chat"))
		}
	})
}

func TestAReplayThatGetsNowhereEnds(t *testing.T) {
	inRig(t, func(x *rig) {
		x.fail(letter(1, 1, nil), letter(1, 2, nil))
		r := x.replay(func(c *Config) { c.MaxUnsettled, c.StallAfter = 1, 10*time.Minute })
		x.pace = 0 // nobody settles anything any more
		begun := time.Now()
		out, err := r.Run(context.Background())
		if !errors.Is(err, ErrStalled) || out.Published != 1 || time.Since(begun).Round(time.Minute) != 10*time.Minute {
			t.Errorf("%+v %v after %v", out, err, time.Since(begun))
		}
		begun = time.Now()
		out, err = r.Await(context.Background(), 30*time.Second)
		if err != nil || out.Open != 1 || time.Since(begun).Round(time.Second) != 30*time.Second {
			t.Errorf("%+v %v after %v", out, err, time.Since(begun))
		}
	})
}

func TestAStopLeavesNothingUnmarked(t *testing.T) {
	inRig(t, func(x *rig) {
		var all []*deadletter.Letter
		for i := range int64(1200) {
			all = append(all, letter(i%30, i, nil))
		}
		x.fail(all...)
		ctx, stop := context.WithCancel(context.Background())
		x.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
			x.KeepControl()
			if r.(*kmsg.ProduceRequest).Topics[0].Topic == "chat" {
				stop() // while letters are on their way
			}
			return nil, nil, false
		})
		out, err := x.replay(nil).Run(ctx)
		if !errors.Is(err, ErrStopped) || out.Published == 0 || out.Published > MostUnmarked {
			t.Fatalf("%+v %v", out, err)
		}
		_, left := x.outstanding()
		if n := x.count("chat"); n != out.Published || len(left) != 1200-n {
			t.Errorf("%d stand in the topic, %d are told as published, %d are outstanding", n, out.Published, len(left))
		}
		// Running it again goes on from there.
		again, err := x.replay(nil).Run(context.Background())
		if err != nil || again.Published != 1200-out.Published || x.count("chat") != 1200 {
			t.Errorf("%+v %v", again, err)
		}
	})
}

func TestACrashBetweenPublishingAndMarkingLosesNothing(t *testing.T) {
	inRig(t, func(x *rig) {
		var all []*deadletter.Letter
		for i := range int64(700) {
			all = append(all, letter(i%30, i, nil))
		}
		x.fail(all...)
		// Marks can't be written any more: what is left is what a crash leaves.
		published := notePublished(x.Cluster)
		fault := x.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "dlq.chat", Err: kerr.TopicAuthorizationFailed, Count: -1, When: func(kmsg.Request) bool {
			return published.Load()
		}})
		out, err := x.replay(nil).Run(context.Background())
		if !errors.Is(err, deadletter.ErrMarks) || out.Unmarked != out.Published || out.Published > MostUnmarked {
			t.Fatalf("%+v %v", out, err)
		}
		fault.Remove()
		if _, left := x.outstanding(); len(left) != 700 {
			t.Errorf("%d outstanding, want all: none is marked", len(left))
		}
		again, err := x.replay(nil).Run(context.Background())
		if err != nil || again.Published != 700 || x.count("chat") != 700+out.Published {
			t.Errorf("%+v %v", again, err)
		}
		if _, left := x.outstanding(); len(left) != 0 {
			t.Errorf("%d outstanding", len(left))
		}
	})
}

func TestNothingIsPublishedThatCannotBeMarked(t *testing.T) {
	inRig(t, func(x *rig) {
		x.fail(letter(1, 1, nil))
		x.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "dlq.chat", Err: kerr.TopicAuthorizationFailed, Count: -1})
		if out, err := x.replay(nil).Run(context.Background()); err == nil || out.Published != 0 || x.count("chat") != 0 {
			t.Errorf("%+v %v, %d published", out, err, x.count("chat"))
		}
	})
}

func TestTwoWhoReplayShareTheWork(t *testing.T) {
	inRig(t, func(x *rig) {
		var all []*deadletter.Letter
		for i := range int64(60) {
			all = append(all, letter(1, i, nil))
		}
		x.fail(all...)
		// Both have read the same ledger before either publishes.
		slow := func(c *Config) { c.RoomRate = 10 }
		a, b := x.replay(slow), x.replay(slow)
		ended := make(chan *Outcome)
		go func() { o, _ := a.Run(context.Background()); ended <- o }()
		time.Sleep(500 * time.Millisecond)
		o, err := b.Run(context.Background())
		other := <-ended
		if err != nil || o.Published+other.Published != 60 || o.Elsewhere+other.Elsewhere != 60 || x.count("chat") != 60 {
			t.Errorf("%+v and %+v, %d published", o, other, x.count("chat"))
		}
		if _, left := x.outstanding(); len(left) != 0 {
			t.Errorf("%d outstanding", len(left))
		}
	})
}

func TestWhatIsTooLargeForTheTopicIsLeftAside(t *testing.T) {
	inRig(t, func(x *rig) {
		x.fail(letter(1, 1, nil), letter(1, 2, nil), letter(1, 3, nil))
		x.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "chat", Err: kerr.MessageTooLarge, Count: 3}) // all, the first, the other two together
		out, err := x.replay(nil).Run(context.Background())
		if err != nil || out.Published != 2 || out.Aside["larger than topic chat takes"] != 1 {
			t.Errorf("%+v %v", out, err)
		}
		if _, left := x.outstanding(); len(left) != 1 {
			t.Errorf("%d outstanding", len(left))
		}
	})
}

func TestDiscardedLettersAreDone(t *testing.T) {
	inRig(t, func(x *rig) {
		var all []*deadletter.Letter
		for i := range int64(700) {
			all = append(all, letter(i%30, i, nil))
		}
		x.fail(all...)
		// A pace is for what is sent. Waiting for it would read the topic over and over again meanwhile.
		began := time.Now()
		out, err := x.replay(func(c *Config) { c.Why, c.RoomRate = "old", 3 }).Discard(context.Background())
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %v", took)
		}
		l, left := x.outstanding()
		if err != nil || out.Published != 700 || len(left) != 0 || l.Ended["g"] != 700 || x.count("chat") != 0 {
			t.Errorf("%+v %v, %d outstanding, %d done", out, err, len(left), l.Ended["g"])
		}
	})
}
