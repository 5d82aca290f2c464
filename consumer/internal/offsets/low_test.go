package offsets

import (
	"testing"
	"time"
)

func TestLowSentTo(t *testing.T) {
	x := begun(t, 10) // sentTo 20
	admit(t, x, 10)
	until := t0.Add(10 * time.Second)
	if c := x.Commit(t0, 10, false); c.SentTo != 21 {
		t.Fatalf("%+v", c)
	}
	x.Unanswered(until)
	if x.Limit() != 20 || !x.Low().Any() {
		t.Fatalf("limit %d", x.Limit())
	}
	x.Position(15)
	x.Commit(t0, 100, false)
	x.Acked()
	// Its sentTo is 115, but the one of 21 may still come and replace it.
	if x.Limit() != 21 {
		t.Fatalf("limit %d, though what is sent above may end up above the stored sentTo", x.Limit())
	}
}

func TestLowUntilAck(t *testing.T) {
	x := begun(t, 10)
	until := t0.Add(10 * time.Second)
	x.Commit(t0, 20, false)
	x.Unanswered(until)
	x.Commit(t0.Add(9*time.Second), 100, false)
	x.Acked()
	if x.Limit() != 30 || x.Dirty(t0.Add(9*time.Second)) {
		t.Fatalf("limit %d after a commit begun too early", x.Limit())
	}
	// The time alone isn't enough: it may have been applied after the acknowledged one.
	if !x.Dirty(until) || x.Limit() != 30 {
		t.Fatalf("limit %d before another commit; dirty %v", x.Limit(), x.Dirty(until))
	}
	x.Commit(until, 100, false)
	if x.Refused(); x.Limit() != 30 {
		t.Fatalf("limit %d after a refusal", x.Limit())
	}
	x.Commit(until, 100, false)
	if x.Acked(); x.Limit() != 110 || x.Low().Any() {
		t.Fatalf("limit %d after a commit begun later", x.Limit())
	}
}

func TestLowIsTheLeastAndLastsTheLongest(t *testing.T) {
	x := begun(t, 10)
	x.Commit(t0, 20, false)
	x.Unanswered(t0.Add(10 * time.Second))
	x.Commit(t0, 50, false)
	x.Unanswered(t0.Add(12 * time.Second))
	if l := x.Low(); l.SentTo != 30 || !l.Until.Equal(t0.Add(12*time.Second)) {
		t.Fatalf("low %+v", l)
	}
}

func TestLowIsRememberedOverARejoin(t *testing.T) {
	x := begun(t, 10)
	admit(t, x, span(10, 14)...)
	settle(t, x, span(10, 14)...)
	until := t0.Add(10 * time.Second)
	if c := x.Commit(t0, 10, true); c.SentTo != 14 {
		t.Fatalf("clean end: %+v", c)
	}
	x.Unanswered(until)
	y := New(Takeover{Start: 10, LogEnd: 30, Meta: &Meta{Offset: 10, SentTo: 20}, Low: x.Low()})
	if y.Limit() != 14 {
		t.Fatalf("limit %d", y.Limit())
	}
	y.Commit(t0, 100, false)
	if y.Acked(); y.Limit() != 14 {
		t.Fatalf("limit %d while the earlier one may come", y.Limit())
	}
	y.Commit(until, 100, false)
	if y.Acked(); y.Limit() != 110 {
		t.Fatalf("limit %d", y.Limit())
	}
}
