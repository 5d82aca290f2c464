package relay_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/internal/world"
)

// replayed is a record as an operator's replay of a letter of a group publishes it.
func replayed(group string, id string) kafka.Record {
	value := `{"roomid":1,"fromAccid":"ann","msgId":"` + id + `","msgType":0,"resendFlag":1}`
	r := kafka.Record{Key: kafka.NewBytes([]byte("1")), Value: kafka.NewBytes([]byte(value)), Time: time.Now()}
	for _, h := range []string{
		"trace=x", "__dlq.errors.topic=chat", "__dlq.errors.group=" + group, "roomrelay.replays=1",
		"roomrelay.first-partition=0", "roomrelay.first-offset=0", "roomrelay.first-failed-at=2000-01-01T00:00:00.000Z",
	} {
		name, v, _ := strings.Cut(h, "=")
		r.Headers = append(r.Headers, kafka.Header{Key: name, Value: []byte(v)})
	}
	return r
}

func TestI1_AReplayForAnotherGroupIsPassedOverAndCounted(t *testing.T) {
	inWorld(t, world.Config{}, func(w *world.World) {
		w.Publish(world.Chat(1, "ann", 1)...)
		w.AppendAll(0, replayed("another", "theirs"), replayed(world.Group, "ours"), replayed("another", "theirs-too"))
		w.Publish(world.Chat(1, "bob", 1)...)
		x := w.Start(nil)
		w.AwaitSettled(time.Minute)
		if got := w.ShownIDs(1); len(got) != 3 || !slices.Contains(got, "ours") {
			t.Errorf("shown %v", got)
		}
		if s := x.Relay.Stats(); s.Strangers != 2 || s.Arrived != 5 || s.Delivered != 3 {
			t.Errorf("%d passed over, %d arrived, %d delivered", s.Strangers, s.Arrived, s.Delivered)
		}
	})
}

func TestI4_AReplayThatFailsAgainIsTheSameLetter(t *testing.T) {
	inWorld(t, world.Config{}, func(w *world.World) {
		w.Intercept(func(r world.Request) world.Reaction {
			if r.Has("ours") {
				return world.Whole(404, "gone")
			}
			return world.Reaction{}
		})
		w.Publish(world.Chat(1, "ann", 1)...)
		time.Sleep(time.Hour) // a letter failed before it is replayed
		w.AppendAll(0, replayed(world.Group, "ours"))
		w.Start(nil)
		w.AwaitSettled(time.Minute)
		letters := w.Letters()
		if len(letters) != 1 {
			t.Fatalf("%d letters", len(letters))
		}
		for name, want := range map[string]string{
			"roomrelay.first-offset": "0", "roomrelay.replays": "1", "__dlq.errors.offset": "1", "trace": "x",
			"roomrelay.first-failed-at": "2000-01-01T00:00:00.000Z",
		} {
			if got := letters[0].Headers[name]; got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}
