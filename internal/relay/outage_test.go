package relay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/relay"
	"roomrelay/internal/world"
)

func TestI10_NoOutageAndNoWrongSettingMakesALetter(t *testing.T) {
	for name, wrong := range map[string]struct {
		reaction  world.Reaction
		configure func(*relay.Config)
		why       string // what readiness must say
	}{
		"the API answers 503":       {reaction: world.Whole(503, "busy")},
		"a gateway answers 502":     {reaction: world.Reaction{Status: 502, Body: "<html>"}},
		"the API cuts connections":  {reaction: world.Reaction{Reset: true}},
		"the API hangs":             {reaction: world.Reaction{Delay: 6 * time.Second}},
		"a login page for all":      {reaction: world.Reaction{Body: "<html>log in</html>"}},
		"redirected":                {reaction: world.Reaction{Status: 302}},
		"the URL is wrong":          {reaction: world.Reaction{Status: 404, Body: "<html>not found</html>"}},
		"the wrong region":          {reaction: world.Whole(403, "forbidden in current region"), why: "403"},
		"the app is disabled":       {reaction: world.Whole(301, "disabled"), why: "301"},
		"the IP isn't allowed":      {reaction: world.Whole(315, "ip"), why: "315"},
		"everything is refused":     {reaction: world.Whole(403, "no"), why: "refused"},
		"the app secret is wrong":   {configure: func(c *relay.Config) { c.Sender.AppSecret = "other" }, why: "app-secret"},
		"nobody listens at the URL": {configure: func(c *relay.Config) { c.Sender.Endpoints = []string{"http://localhost:81"} }},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, world.Config{Relay: wrong.configure}, func(w *world.World) {
				w.Intercept(func(world.Request) world.Reaction { return wrong.reaction })
				for room := int64(1); room <= 30; room++ {
					w.Publish(world.Chat(room, "ann", 12)...)
				}
				x := w.Start(nil)
				time.Sleep(25 * time.Minute) // five times give-up-after
				limit := 0
				if name == "everything is refused" {
					limit = 20 // it takes 20 refused calls to see that nothing else comes
				}
				if n := len(w.Letters()); n > limit {
					t.Fatalf("%d letters in an outage", n)
				}
				err := x.Relay.Ready()
				if err == nil {
					t.Error("the worker says that it is ready")
				} else if !strings.Contains(err.Error(), wrong.why) {
					t.Errorf("not ready: %v; want it to name %q", err, wrong.why)
				}
				if calls := len(w.Calls()); calls > 2000 {
					t.Errorf("%d calls in 25 minutes of outage", calls)
				}
				if wrong.configure != nil {
					return
				}
				w.Intercept(nil)
				w.AwaitSettled(10 * time.Minute)
				if got := len(w.Shown(0)) + len(w.Letters()); got != 360 {
					t.Errorf("%d shown or lettered after the outage, want 360", got)
				}
			})
		})
	}
}

func TestI10_ADeadLetterTopicThatCannotBeWrittenHoldsBack(t *testing.T) {
	inWorld(t, world.Config{}, func(w *world.World) {
		full := w.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: world.Letters, Err: kerr.NotEnoughReplicas, Count: -1})
		w.Intercept(func(r world.Request) world.Reaction {
			if r.Has("1-ann-0") {
				return world.Whole(404, "gone")
			}
			return world.Reaction{}
		})
		w.Publish(world.Chat(1, "ann", 2)...)
		w.Publish(world.Chat(2, "bob", 2)...)
		x := w.Start(nil)
		time.Sleep(10 * time.Minute)
		if offset, _ := w.Committed(0); offset != 0 {
			t.Errorf("committed %d: the letter isn't acknowledged", offset)
		}
		if err := x.Relay.Ready(); err == nil || !strings.Contains(err.Error(), world.Letters) {
			t.Errorf("ready says %v, want it to name the dead-letter topic", err)
		}
		expectShown(t, w, 1, nil)
		expectShown(t, w, 2, []string{"2-bob-0", "2-bob-1"})
		full.Remove()
		w.AwaitSettled(5 * time.Minute)
		expectLetters(t, w, "1-ann-0")
		expectShown(t, w, 1, []string{"1-ann-1"})
	})
}

func TestI10_ARoomThatFailsWhileOthersAreAnsweredIsGivenUp(t *testing.T) {
	// The control: letters are made, after give-up-after, when it is the room and not the API.
	inWorld(t, world.Config{}, func(w *world.World) {
		w.Intercept(func(r world.Request) world.Reaction {
			if r.Room == 1 {
				return world.Whole(503, "busy")
			}
			return world.Reaction{}
		})
		w.Publish(world.Chat(1, "ann", 2)...)
		w.Start(nil)
		begun := time.Now()
		for i := 0; len(w.Letters()) < 2 && i < 200; i++ { // the others go on being answered
			w.Publish(world.Chat(int64(i+2), "bob", 1)...)
			time.Sleep(5 * time.Second)
		}
		if took := time.Since(begun); took < 5*time.Minute || took > 10*time.Minute {
			t.Errorf("given up after %v, want soon after 5 minutes", took)
		}
		w.AwaitSettled(5 * time.Minute)
		expectLetters(t, w, "1-ann-0", "1-ann-1")
		if o := w.Letters()[0].Headers["roomrelay.outcome"]; o != "unknown" {
			t.Errorf("outcome %q, want unknown: the API may have shown it", o)
		}
	})
}

func TestReadinessComesBackByItselfWhenNothingIsLeftToSend(t *testing.T) {
	inWorld(t, world.Config{}, func(w *world.World) {
		w.Publish(world.Chat(1, "ann", 1)...)
		n := 0
		w.Intercept(func(world.Request) world.Reaction {
			if n++; n == 2 {
				return world.Whole(416, "query too fast")
			}
			return world.Reaction{}
		})
		x := w.Start(nil)
		w.AwaitSettled(time.Minute)
		w.Publish(world.Chat(2, "bob", 1)...)
		w.Await("the quota to hold it", 5*time.Second, func() bool { return x.Relay.Stats().Hold.Cause == "quota" })
		if err := x.Relay.Ready(); err != nil {
			t.Errorf("not ready over the quota, which passes by itself: %v", err)
		}
		w.AwaitSettled(time.Minute)
		time.Sleep(time.Second)
		if h := x.Relay.Stats().Hold; h.Cause != "" {
			t.Errorf("held up by %q with nothing to send", h.Cause)
		}
	})
}
