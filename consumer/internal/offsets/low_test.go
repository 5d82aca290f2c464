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
	x.Unanswered(1, until)
	if x.Limit() != 20 || !x.Low().Any() {
		t.Fatalf("limit %d", x.Limit())
	}
	x.Position(15)
	x.Commit(t0, 100, false)
	x.Acked(1)
	// Its sentTo is 115, but the one of 21 may still come and replace it.
	if x.Limit() != 21 {
		t.Fatalf("limit %d, though what is sent above may end up above the stored sentTo", x.Limit())
	}
}

func TestLowUntilAck(t *testing.T) {
	x := begun(t, 10)
	until := t0.Add(10 * time.Second)
	x.Commit(t0, 20, false)
	x.Unanswered(1, until)
	x.Commit(t0.Add(9*time.Second), 100, false)
	x.Acked(1)
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
	if x.Acked(1); x.Limit() != 110 || x.Low().Any() {
		t.Fatalf("limit %d after a commit begun later", x.Limit())
	}
}

func TestLowIsTheLeastAndLastsTheLongest(t *testing.T) {
	x := begun(t, 10)
	x.Commit(t0, 20, false)
	x.Unanswered(1, t0.Add(10*time.Second))
	x.Commit(t0, 50, false)
	x.Unanswered(1, t0.Add(12*time.Second))
	if l := x.Low(); l.SentTo != 30 || !l.Until.Equal(t0.Add(12*time.Second)) {
		t.Fatalf("low %+v", l)
	}
}

// A coordinator that another one follows has resigned: what it hadn't applied, it refuses.
func TestLowEndsWhenAnotherCoordinatorHasAnswered(t *testing.T) {
	x := begun(t, 10)
	x.Commit(t0, 20, false)
	x.Unanswered(1, t0.Add(10*time.Second))
	x.Commit(t0, 50, false)
	if x.Refused(); x.Limit() != 20 {
		t.Fatalf("limit %d after a refusal", x.Limit())
	}
	x.Commit(t0, 50, false)
	if x.Acked(2); x.Limit() != 60 || x.Low().Any() {
		t.Fatalf("limit %d, low %+v", x.Limit(), x.Low())
	}
}

// Where commits to two coordinators went unanswered, the one that answers may still have one in hand.
func TestLowOfSeveralCoordinatorsEndsWithTime(t *testing.T) {
	x := begun(t, 10)
	until := t0.Add(10 * time.Second)
	x.Commit(t0, 20, false)
	x.Unanswered(1, t0.Add(time.Second))
	x.Commit(t0, 30, false)
	x.Unanswered(2, until)
	for node := range int32(4) {
		x.Commit(t0, 50, false)
		if x.Acked(node); x.Limit() != 30 || !x.Low().Any() {
			t.Fatalf("limit %d after an answer of %d", x.Limit(), node)
		}
	}
	x.Commit(until, 50, false)
	x.Unanswered(2, until.Add(10*time.Second)) // the only one that is left: nobody else's can come any more
	x.Commit(until, 50, false)
	if x.Acked(1); x.Limit() != 60 {
		t.Fatalf("limit %d", x.Limit())
	}
}

// What was answered isn't applied later, so any later commit replaces it; until then it may be what is stored.
func TestAnUndecidedCommitLimitsUntilTheNextIsAcknowledged(t *testing.T) {
	x := begun(t, 10) // sentTo 20
	x.Commit(t0, 10, true)
	if x.Undecided(); x.Limit() != 10 {
		t.Fatalf("limit %d, though a sentTo of 10 may be stored", x.Limit())
	}
	x.Commit(t0, 50, false)
	if x.Acked(1); x.Limit() != 60 || x.Low().Any() {
		t.Fatalf("limit %d, low %+v", x.Limit(), x.Low())
	}
	x.Commit(t0, 70, false)
	x.Unanswered(1, t0.Add(10*time.Second))
	x.Commit(t0, 75, false)
	x.Undecided()
	x.Commit(t0, 80, false)
	if x.Acked(1); x.Limit() != 80 {
		t.Fatalf("limit %d: it says nothing of one that wasn't answered", x.Limit())
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
	x.Unanswered(1, until)
	y := New(Takeover{Start: 10, LogEnd: 30, Meta: &Meta{Offset: 10, SentTo: 20}, Low: x.Low()})
	if y.Limit() != 14 {
		t.Fatalf("limit %d", y.Limit())
	}
	y.Commit(t0, 100, false)
	if y.Acked(1); y.Limit() != 14 {
		t.Fatalf("limit %d while the earlier one may come", y.Limit())
	}
	y.Commit(until, 100, false)
	if y.Acked(1); y.Limit() != 110 {
		t.Fatalf("limit %d", y.Limit())
	}
}
