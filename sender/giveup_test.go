package sender

import (
	"testing"
	"time"
)

// fail lets calls of the course go unanswered, 30 s apart, until it has letters or d has passed. Between
// them meanwhile is called.
func (r *rig) fail(c *Course, d time.Duration, meanwhile func()) (calls int, l []Letter) {
	r.t.Helper()
	for end := r.now.Add(d); r.now.Before(end) && len(c.Events()) > 0; r.wait(30 * time.Second) {
		step := r.Next(r.now, c)
		if step.Call == nil {
			return calls, step.Letters
		}
		calls++
		r.Judge(r.now, c, step.Call, Answer{Began: r.now})
		r.wait(time.Millisecond)
		meanwhile()
	}
	return calls, nil
}

func TestI10_AnOutageGivesNothingUp(t *testing.T) {
	for name, meanwhile := range map[string]func(r *rig){
		"nobody answers":         func(*rig) {},
		"only this room's calls": func(r *rig) { r.says(r.course(1, "x"), fine) },
		"others are throttled": func(r *rig) {
			c := r.course(2, "y")
			r.Judge(r.now, c, r.Next(r.now, c).Call, Answer{Kind: Answered, HTTPStatus: 429})
		},
		"others meet a wrong set-up": func(r *rig) {
			c := r.course(2, "y")
			x := r.Next(r.now, c).Call
			r.Judge(r.now, c, x, r.reply(x, 200, forged))
		},
	} {
		r := newRig(t)
		calls, l := r.fail(r.course(1, "a", "b"), time.Hour, func() { meanwhile(r) })
		if len(l) > 0 || calls < 100 {
			t.Errorf("%s: %d letters after %d calls", name, len(l), calls)
		}
	}
}

func TestABatchIsGivenUpAfterEachOfItsMessagesWasTriedAlone(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b", "c")
	begun := r.now
	others := func() { r.elsewhere(2) }
	calls, l := r.fail(c, time.Hour, others)
	expect(t, "first letter", letters(l), "a given-up unknown")
	if took := r.now.Sub(begun); took < 5*time.Minute || took > 7*time.Minute {
		t.Errorf("given up after %v, want soon after 5 minutes", took)
	}
	// Eleven calls span the five minutes, the twelfth has a alone.
	expect(t, "calls", calls, 12)
	expect(t, "attempts", l[0].Attempts, 12)
	x := r.call(c)
	expect(t, "next alone", ids(x.Events), "b/1")
	expect(t, "b", ids(r.Judge(r.now, c, x, r.reply(x, 200, fine)).Delivered), "b/1")
	calls, l = r.fail(c, time.Hour, others)
	expect(t, "c", letters(l), "c given-up unknown")
	expect(t, "calls of c alone", calls, 1)
	expect(t, "left", len(c.Events()), 0)
}

func TestAnAloneAttemptCountsOnlyIfOthersAreAnswered(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	counted := true
	calls := 0
	_, l := r.fail(c, 2*time.Hour, func() {
		calls++
		// As the alone attempt of a comes, the API goes down for an hour.
		if counted = len(c.Events()) == 2 && !c.last || calls > 120; counted {
			r.elsewhere(2)
		}
	})
	expect(t, "letters", letters(l), "a given-up unknown")
	if calls <= 120 {
		t.Errorf("given up after %d calls, in an outage", calls)
	}
}

func TestFewCountedAttemptsGiveNothingUp(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a")
	for range giveUpCount - 1 {
		r.silence(c)
		r.elsewhere(2)
		r.wait(4 * time.Minute)
	}
	if step := r.Next(r.now, c); step.Call == nil {
		t.Errorf("given up after %d attempts", giveUpCount-1)
	}
}

func TestWhatWaitsForARoomThatWasGivenUpBecomesLettersUntilItIsAnswered(t *testing.T) {
	r := newRig(t)
	late := r.course(1, "l1", "l2")
	fresh := func() *Course {
		c := r.course(1, "f")
		c.events[0].Arrived = r.now.Add(-time.Second)
		return c
	}
	_, l := r.fail(r.course(1, "a"), time.Hour, func() { r.elsewhere(2) })
	expect(t, "given up", letters(l), "a given-up unknown")
	f := fresh()
	late.events[1].Flag = 1
	mixed := r.NewCourse(append(messages(t, 1, "old"), f.events...))
	step := r.Next(r.now, mixed)
	expect(t, "waited long", letters(step.Letters), "old given-up never-sent")
	expect(t, "no call before the letter", step.Call, nil)
	expect(t, "waited not", ids(r.call(mixed).Events), "f/0")

	// While everything is stopped nothing can be said of one room.
	r.breaker.open = true
	if r.Next(r.now, late).Call == nil {
		t.Error("letters in an outage")
	}
	r.breaker.open, r.probing = false, false
	again := r.NewCourse(late.events)
	expect(t, "others", letters(r.Next(r.now, again).Letters), "l1 given-up never-sent; l2 given-up unknown")

	r.says(fresh(), gone) // answered, if only refused
	old := r.NewCourse(messages(t, 1, "older"))
	expect(t, "after an answer", ids(r.call(old).Events), "older/0")
}

func TestAMessageThatIsAlwaysLeftOutIsGivenUp(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a")
	var l []Letter
	for range 100 {
		step := r.Next(r.now, c)
		if l = step.Letters; l != nil {
			break
		}
		j := r.Judge(r.now, c, step.Call, r.reply(step.Call, 200, `{"code":200,"success":[]}`))
		r.wait(max(j.Again.Sub(r.now), 20*time.Second))
		r.elsewhere(2)
	}
	expect(t, "letters", letters(l), "a given-up unknown")
}

// A batch that the API has answered isn't one that it doesn't answer: what comes after is counted anew.
func TestAnAnswerToABatchEndsWhatWasCountedAgainstIt(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	for range giveUpCount + 1 {
		r.silence(c)
		r.elsewhere(2)
		r.wait(50 * time.Second) // the sixth ends before give-up-after is reached
	}
	j := r.says(c, `{"code":200,"fail":[{"a":"parameter resendFlag should be used for RESEND!"},{"b":"parameter resendFlag should be used for RESEND!"}]}`)
	expect(t, "asked again", ids(c.Events()), "a/0 b/0")
	expect(t, "letters of the answer", letters(j.Letters), "")
	r.silence(c)
	r.elsewhere(2)
	r.wait(time.Minute)
	if step := r.Next(r.now, c); step.Call == nil {
		t.Errorf("given up after one attempt since the API's answer: %s", letters(step.Letters))
	}
}

// One of a batch whose others were answered for just now was never tried alone.
func TestWhatACallOfSeveralLeftOutIsTriedAloneBeforeItIsGivenUp(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	for range giveUpCount {
		r.silence(c)
		r.elsewhere(2)
		r.wait(70 * time.Second)
	}
	j := r.says(c, `{"code":200,"success":[{"b":{}}]}`)
	expect(t, "delivered", ids(j.Delivered), "b/1")
	r.elsewhere(2)
	r.wait(time.Minute)
	x := r.call(c)
	expect(t, "alone", ids(x.Events), "a/1")
}

// What is tried alone, the last time before it is given up, and answered with the wish for it once more, isn't given
// up for one more attempt that nobody answers.
func TestWhatTheAPIAsksForInTheLastAttemptIsCountedAnew(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	for !c.last {
		r.silence(c)
		r.elsewhere(2)
		r.wait(50 * time.Second)
		r.giveUp(r.now, c)
	}
	r.says(c, `{"code":200,"fail":[{"a":"parameter resendFlag should be used for RESEND!"}]}`)
	expect(t, "asked again", ids(c.Events()), "a/0 b/1")
	r.silence(c)
	r.elsewhere(2)
	r.wait(time.Minute)
	if step := r.Next(r.now, c); step.Call == nil {
		t.Errorf("given up after one attempt since the API asked for it: %s", letters(step.Letters))
	}
}

// Two calls of a room are on their way when the API asks for a pause. The other one's failure, a moment later,
// asks for none, and doesn't end it.
func TestARetryAfterOutlivesALaterFailureOfTheRoom(t *testing.T) {
	r := newRig(t)
	a, b := r.course(1, "a"), r.course(1, "b")
	x, y := r.call(a), r.call(b)
	asked := r.reply(x, 503, "")
	asked.RetryAfter = time.Minute
	until := r.now.Add(time.Minute)
	r.Judge(r.now, a, x, asked)
	r.wait(time.Millisecond)
	if j := r.Judge(r.now, b, y, r.reply(y, 503, "")); j.RoomUntil.Before(until) {
		t.Errorf("the room is left alone for %v, want a minute", j.RoomUntil.Sub(r.now))
	}
}
