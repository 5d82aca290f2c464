package batcher

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"roomrelay/event"
)

func TestI7_AnEventWithItsOutcomeIsLetGoOfWhileTheRestIsRetried(t *testing.T) {
	b := New(usual())
	fill(t, b, 1, 25, 0)
	x := b.Next(at(0))
	settled, left := weak.Make(x.Events[0]), weak.Make(x.Events[9])
	x.Events = append([]*event.Event(nil), x.Events[9])
	b.Retry(x, at(time.Second))
	runtime.GC()
	if settled.Value() != nil {
		t.Error("kept alive, though it has its outcome")
	}
	if left.Value() == nil || b.Stats().Lanes != 1 {
		t.Error("what has no outcome was let go of")
	}
	runtime.KeepAlive(b)
}
