package sender

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// echo is a refusal whose text holds a user's words.
const echo = `{"code":414,"desc":"attach is wrong: what does CurTime mean?"}`

func TestI10_AWrongSetUpMakesNoLetterAndStopsSendingButForProbes(t *testing.T) {
	for name, x := range map[string]struct {
		status int
		body   string
		why    string
	}{
		"signature":    {200, forged, "app-secret"},
		"region":       {200, `{"code":403,"desc":"forbidden in current region"}`, "region"},
		"disabled":     {200, `{"code":301}`, "301"},
		"address":      {200, `{"code":315}`, "315"},
		"redirect":     {301, "", "redirects"},
		"wrong URL":    {404, "<html>", "404"},
		"414 at first": {200, bad, "414"},
	} {
		r := newRig(t)
		courses := []*Course{r.course(1, "a", "b"), r.course(2, "c"), r.course(3, "d")}
		calls, last := 0, r.now
		for end := r.now.Add(time.Hour); r.now.Before(end); {
			g := r.Gate(r.now)
			if calls > 0 && (g.Mode == Open || !strings.Contains(g.Why, x.why)) {
				t.Fatalf("%s: gate %+v after %d calls", name, g, calls)
			}
			if g.Mode == Shut {
				r.now = g.Until
				continue
			}
			c := courses[calls%3]
			call := r.call(c)
			if g := r.Gate(r.now); calls > 0 && g.Mode != Shut {
				t.Fatalf("%s: a second probe may begin", name)
			}
			j := r.Judge(r.now, c, call, r.reply(call, x.status, x.body))
			if len(j.Letters) > 0 || j.Room != Same || call.Events[0].Flag != 0 {
				t.Fatalf("%s: %+v", name, j)
			}
			if calls++; calls == 2 && r.now != last {
				t.Errorf("%s: the first probe waited %v", name, r.now.Sub(last))
			}
			last = r.now
		}
		if calls < 120 || calls > 140 {
			t.Errorf("%s: %d calls in an hour, want one in 30 s or a little less", name, calls)
		}
		r.elsewhere(4)
		expect(t, name+": after a 200", fmt.Sprint(r.Gate(r.now)), fmt.Sprint(Gate{}))
	}
}

func TestAMessageWhoseTextIsEchoedStopsTheWorkerForOneProbeOnly(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	for range contradictions {
		r.says(c, echo)
		expect(t, "gate", r.Gate(r.now).Mode, Probing)
		r.elsewhere(2)
	}
	expect(t, "gate", r.Gate(r.now).Mode, Open)
	expect(t, "both", letters(r.says(c, echo).Letters), "")
	for _, want := range []string{"a refused-request refused", "b refused-request refused"} {
		// Each alone has to be found out anew: the other one's text is not its own.
		for range contradictions {
			expect(t, "letters", letters(r.says(c, echo).Letters), "")
			r.elsewhere(2)
		}
		expect(t, "alone", letters(r.says(c, echo).Letters), want)
	}
	expect(t, "gate", r.Gate(r.now).Mode, Open)
}

// Wrong credentials, mended; then the clock jumps. Both met one batch, and others were answered between.
func TestI10_TwoWrongSetUpsOneAfterTheOtherMakeNoLetter(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a")
	r.says(c, forged)
	r.elsewhere(2)
	expect(t, "letters", letters(r.says(c, `{"code":414,"desc":"CurTime is expired"}`).Letters), "")
	if r.Gate(r.now).Why == "" {
		t.Error("ready, with a wrong clock")
	}
}

func TestCallsBegunBeforeASetUpVerdictDoNotClearIt(t *testing.T) {
	// A secret is changed while calls are on their way: those before it are answered 200, after the first
	// one that wasn't.
	r := newRig(t)
	c, other := r.course(1, "a"), r.course(2, "b")
	x, y := r.call(c), r.call(other)
	r.Judge(r.now, c, x, r.reply(x, 200, forged))
	r.Judge(r.now, other, y, r.reply(y, 200, fine))
	expect(t, "letters", letters(r.says(c, forged).Letters), "")
	if r.Gate(r.now).Why == "" {
		t.Error("ready, with a wrong secret")
	}
}

func TestASetUpVerdictIsNotClearedByTheSameRoom(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a")
	var held time.Duration
	for range 10 {
		j := r.says(c, echo)
		expect(t, "letters", letters(j.Letters), "")
		held = j.Again.Sub(r.now)
		r.wait(held)
		r.elsewhere(1)
	}
	expect(t, "held for", held, 30*time.Second)
}

// Each room has its whole backlog refused before the next one's turn comes.
func TestI10_ABacklogOfOneRoomDoesNotHideThatAllRoomsAreRefused(t *testing.T) {
	r := newRig(t)
	r.elsewhere(9)
	refuse := func(room int64, n int) (made int) {
		for i := range n {
			made += len(r.says(r.course(room, fmt.Sprint("m", i)), `{"code":405}`).Letters)
		}
		return made
	}
	refuse(1, 2*refusedCalls)
	refuse(2, 2*refusedCalls)
	expect(t, "letters of the third room", refuse(3, 1), 0)
	if r.Gate(r.now).Why == "" {
		t.Error("ready, with every call refused in every room")
	}
}

func TestNo414IsALetterBeforeAnyCallWasTaken(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a")
	for range 50 {
		expect(t, "letters", letters(r.says(c, bad).Letters), "")
		r.wait(time.Minute)
	}
	r.elsewhere(1)
	expect(t, "letters", letters(r.says(c, bad).Letters), "a refused-request refused")
}

func TestAWorkerWhoseEveryCallIsRefusedStops(t *testing.T) {
	r := newRig(t)
	n := 0
	refuse := func() Judgement {
		n++
		return r.says(r.course(int64(n%3), fmt.Sprint("m", n)), `{"code":403,"desc":"no"}`)
	}
	for range 19 {
		expect(t, "letters", len(refuse().Letters), 1)
		r.silence(r.course(50, fmt.Sprint("s", n))) // says nothing either way
	}
	expect(t, "gate", r.Gate(r.now).Mode, Open)
	// Calls that were on their way when it stops make no letters either.
	late := r.course(7, "late")
	x := r.call(late)
	j := refuse()
	expect(t, "the 20th", len(j.Letters), 0)
	expect(t, "late", len(r.Judge(r.now, late, x, r.reply(x, 200, gone)).Letters), 0)
	for range 20 {
		g := r.Gate(r.now)
		if !strings.Contains(g.Why, "refused") {
			t.Fatalf("gate %+v", g)
		}
		if g.Mode == Shut {
			r.now = g.Until
		}
		expect(t, "a probe", len(refuse().Letters), 0)
	}
	r.wait(time.Minute)
	// All in fail, but 200: the set-up is right.
	expect(t, "fail", len(r.says(r.course(8, "z"), `{"code":200,"fail":[{"z":"x"}]}`).Letters), 1)
	expect(t, "gate", r.Gate(r.now).Mode, Open)
	expect(t, "afterwards", len(refuse().Letters), 1)
}

func TestTwoRoomsThatRefuseEverythingStopNobody(t *testing.T) {
	r := newRig(t)
	for i := range 100 {
		expect(t, "letters", len(r.says(r.course(int64(i%2), fmt.Sprint("m", i)), gone).Letters), 1)
	}
	expect(t, "gate", r.Gate(r.now).Mode, Open)
}

func TestASenderWhoIsRefusedOneByOneIsRefusedTogetherForAWhile(t *testing.T) {
	for _, code := range []int{403, 404, 13002, 13003, 13004} {
		r := newRig(t)
		no := fmt.Sprintf(`{"code":%d}`, code)
		r.says(r.course(1, "a"), no)
		r.says(r.course(1, "a"), no) // the same message again is no second one
		r.says(r.course(1, "b"), no)
		split := func(what string, want int, c *Course, answer string) {
			t.Helper()
			expect(t, fmt.Sprint(code, ": letters ", what), len(r.says(c, answer).Letters), want)
		}
		split("of a batch after two", 0, r.course(1, "x", "y"), no)
		r.says(r.course(1, "c"), no)
		split("of a batch after three", 2, r.course(1, "d", "e"), no)
		split("with another code", 0, r.course(1, "f", "g"), `{"code":405}`)
		split("in another room", 0, r.course(2, "h", "i"), no)
		r.wait(30 * time.Second)
		split("after 30 s", 0, r.course(1, "j", "k"), no)
		r.says(r.course(1, "l"), no)
		split("after one more", 2, r.course(1, "m", "n"), no)
		r.says(r.course(1, "o"), fine)
		split("after a delivery", 0, r.course(1, "p", "q"), no)
	}
	r := newRig(t)
	r.elsewhere(9)
	for _, id := range []string{"a", "b", "c"} {
		r.says(r.course(1, id), bad)
	}
	expect(t, "414 is about messages", len(r.says(r.course(1, "d", "e"), bad).Letters), 0)
}

// The API refused the parameters of everything since the start. Then it refuses this message for itself, and
// there is no other room to ask in.
func TestAWorkerWhoseOnlyRoomHasABadMessageGoesOnWhenTheAPILooksAtItsParameters(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	expect(t, "letters", letters(r.says(c, bad).Letters), "")
	r.wait(time.Minute)
	r.says(c, gone)
	expect(t, "gate", r.Gate(r.now).Mode, Open)
	expect(t, "alone", letters(r.says(c, gone).Letters), "a refused-request refused")
}

func TestI7_WhatIsRememberedIsBounded(t *testing.T) {
	r := newRig(t)
	for i := range int64(3 * mostRooms) {
		r.rooms.silence(r.now, &Call{Room: i, begun: 1}, 2, 0)
		r.doubt.refusedAlone(r.now, roomSender{i, "ann"}, 404, "a")
	}
	expect(t, "rooms", len(r.rooms.all), mostRooms)
	expect(t, "senders", len(r.doubt.senders), mostSenders)
}

func TestNewestTellsOfEveryRoomWhenAnotherHadItsLast(t *testing.T) {
	r := newRig(t)
	for range 200 {
		var n newest
		last := map[int64]tick{}
		for i := range 20 {
			room, at := int64(r.tick()*7919%4), tick(uint64(r.tick())*104729%50)
			n.note(room, at)
			last[room] = max(last[room], at)
			for want := range int64(5) {
				var elsewhere tick
				for x, at := range last {
					if x != want {
						elsewhere = max(elsewhere, at)
					}
				}
				if got := n.elsewhere(want); got != elsewhere {
					t.Fatalf("after %d: %d elsewhere than %d, want %d: %+v %v", i, got, want, elsewhere, n, last)
				}
			}
		}
	}
}

func TestAWorkerWhoseOnlyRoomHasABadMessageGoesOnOnceItsSetUpIsMended(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a")
	for range 2 {
		x := r.call(c)
		r.Judge(r.now, c, x, Answer{Kind: Answered, HTTPStatus: 401})
		r.wait(time.Minute)
	}
	j := r.says(c, gone) // no other room is there to be answered 200
	expect(t, "letters", letters(j.Letters), "a refused-request refused")
	expect(t, "gate", r.Gate(r.now).Mode, Open)
}

// A batch holds one message whose text looks like a wrong set-up. Then the set-up really is wrong, while the
// innocent ones are sent alone.
func TestI10_WhatABatchWasRefusedForIsNotHeldAgainstEachOfItsMessages(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	for range contradictions {
		r.says(c, echo)
		r.elsewhere(2)
	}
	r.says(c, echo)
	x := r.call(c)
	expect(t, "alone", ids(x.Events), "a/0")
	expect(t, "letters", letters(r.Judge(r.now, c, x, r.reply(x, 302, "")).Letters), "")
}

// Ten messages of a lane wait behind one whose text looks like a wrong set-up: not for minutes, while others are
// answered all the time.
func TestAMessageWhoseTextIsEchoedIsFoundOutSoon(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	begun := r.now
	for range 20 {
		j := r.says(c, echo)
		r.elsewhere(2)
		if len(j.Letters) > 0 {
			break
		}
		r.now = latest(r.now, j.Again)
	}
	if took := r.now.Sub(begun); len(c.Events()) != 1 || took > 10*time.Second {
		t.Errorf("%d left after %v, want the first found out within 10 s", len(c.Events()), took)
	}
}
