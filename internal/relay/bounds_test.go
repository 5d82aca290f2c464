package relay_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"roomrelay/internal/relay"
	"roomrelay/internal/world"
)

func TestI7_BuffersStayWithinTheirBounds(t *testing.T) {
	small := func(c *relay.Config) { c.Consumer.MaxEvents, c.Consumer.MaxBytes = 500, 1<<20 }
	inWorld(t, world.Config{Partitions: 4, Relay: small}, func(w *world.World) {
		down := true
		w.Intercept(func(world.Request) world.Reaction {
			if down {
				return world.Reaction{Status: 502}
			}
			return world.Reaction{}
		})
		x := w.Start(nil)
		text := strings.Repeat("x", 1000)
		for i := range 4000 {
			w.Publish(world.Message{Room: int64(i%40 + 1), Sender: "ann", ID: fmt.Sprint("m", i), Attach: text, Partition: i % 4})
		}
		for range 60 {
			time.Sleep(time.Second)
			s := x.Relay.Stats().Consumer
			if s.Events > 500 || s.Bytes > 1<<20 {
				t.Fatalf("%d events of %d bytes buffered, bounds 500 and %d", s.Events, s.Bytes, 1<<20)
			}
		}
		if s := x.Relay.Stats().Consumer; s.Events < 100 {
			t.Errorf("only %d events buffered during the outage: the bounds aren't used", s.Events)
		}
		down = false
		w.AwaitSettled(10 * time.Minute)
		if got := len(w.Shown(0)); got != 4000 {
			t.Errorf("%d shown, want 4000: nothing is dropped for lack of room", got)
		}
		expectLetters(t, w)
	})
}

func TestI7_ARecordLargerThanTheBufferIsALetterAtOnce(t *testing.T) {
	small := func(c *relay.Config) { c.Consumer.MaxBytes = 64 << 10 }
	inWorld(t, world.Config{Relay: small}, func(w *world.World) {
		w.Publish(world.Chat(1, "ann", 1)...)
		w.Append(0, "1", []byte(`{"roomid":1,"attach":"`+strings.Repeat("x", 200<<10)+`"}`))
		w.Publish(world.Chat(2, "bob", 1)...)
		w.Start(nil)
		w.AwaitSettled(time.Minute)
		letters := w.Letters()
		if len(letters) != 1 || letters[0].Headers["roomrelay.truncated"] == "" || len(letters[0].Value) != 0 {
			t.Errorf("letters %+v, want one with an empty value and its size", letters)
		}
		expectShown(t, w, 1, []string{"1-ann-0"})
		expectShown(t, w, 2, []string{"2-bob-0"})
	})
}

func TestI8_AStopEndsWithinTheDrainTimeout(t *testing.T) {
	for name, hold := range map[string]func(w *world.World, x *world.Worker){
		"the API hangs": func(w *world.World, _ *world.Worker) {
			w.Intercept(func(world.Request) world.Reaction { return world.Reaction{Delay: time.Minute} })
		},
		"Kafka hangs": func(_ *world.World, x *world.Worker) { x.Kafka.Freeze() },
		"both hang": func(_ *world.World, x *world.Worker) {
			x.Kafka.Freeze()
			x.API.Freeze()
		},
		"nothing hangs": func(*world.World, *world.Worker) {},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, world.Config{Relay: rate(10)}, func(w *world.World) {
				x := w.Start(nil)
				for room := range int64(100) {
					w.Publish(world.Chat(room+1, "ann", 10)...)
				}
				w.Await("it works", time.Minute, func() bool { return len(w.Shown(0)) > 100 })
				hold(w, x)
				time.Sleep(2 * time.Second)
				begun := time.Now()
				err := x.Stop()
				if took := time.Since(begun); took > 20*time.Second {
					t.Errorf("the stop took %v (%v), drain-timeout 20s", took, err)
				}
				if name == "nothing hangs" && err != nil {
					t.Errorf("stopping: %v", err)
				}
			})
		})
	}
}

func TestI9_OneRoomInTroubleDoesNotSlowTheOthers(t *testing.T) {
	// How long 40 healthy rooms take beside one that answers nothing but 503, or hangs.
	finish := func(t *testing.T, trouble world.Reaction) (took time.Duration) {
		inWorld(t, world.Config{Relay: func(c *relay.Config) { c.Batcher.Slots = 20; c.Sender.Rate = 50 }}, func(w *world.World) {
			w.Intercept(func(r world.Request) world.Reaction {
				if r.Room == 1 {
					return trouble
				}
				return world.Reaction{Delay: 50 * time.Millisecond}
			})
			for i := range 200 { // 200 senders of the bad room: 200 lanes
				w.Publish(world.Message{Room: 1, Sender: fmt.Sprint("s", i), ID: fmt.Sprint("bad", i)})
			}
			for room := int64(2); room < 42; room++ {
				w.Publish(world.Chat(room, "ann", 200)...)
			}
			begun := time.Now()
			w.Start(nil)
			w.Await("the healthy rooms are through", 10*time.Minute, func() bool { return w.Sim.Stats().Shown == 40*200 })
			took = time.Since(begun)
		})
		return took
	}
	calm := finish(t, world.Reaction{Delay: 50 * time.Millisecond, Body: `{"code":200}`})
	for name, trouble := range map[string]world.Reaction{"503": {Status: 503}, "hangs": {Delay: 10 * time.Second, Reset: true}} {
		if took := finish(t, trouble); took > calm*12/10 {
			t.Errorf("%s: the healthy rooms took %v, %v without trouble", name, took, calm)
		}
	}
}
