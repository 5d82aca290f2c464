package sender

import (
	"fmt"
	"testing"
	"time"
)

func TestI5_AnUnknownOutcomeGoesAgainOnlyWithTheFlag(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	j := r.silence(c)
	expect(t, "room", j.Room, Trouble)
	expect(t, "absolved", len(j.Absolved), 0)
	r.wait(5 * time.Second)
	x := r.call(c)
	expect(t, "sent again", ids(x.Events), "a/1 b/1")
	r.Judge(r.now, c, x, Answer{Began: r.now, Kind: NotDelivered})
	expect(t, "sent after no connection", ids(r.call(c).Events), "a/1 b/1")
}

func TestWhatIsCertainlyNotTakenKeepsItsFlagAndIsAbsolved(t *testing.T) {
	for name, a := range map[string]Answer{
		"no connection":  {Kind: NotDelivered},
		"429":            {Kind: Answered, HTTPStatus: 429},
		"redirect":       {Kind: Answered, HTTPStatus: 307},
		"wrong URL":      {Kind: Answered, HTTPStatus: 404},
		"refused, split": {Kind: Answered, HTTPStatus: 413},
	} {
		r := newRig(t)
		c := r.course(1, "a", "b")
		c.events[1].Flag = 1 // in doubt from before
		j := r.Judge(r.now, c, r.call(c), a)
		expect(t, name+": absolved", ids(j.Absolved), "a/0")
		expect(t, name+": left", ids(c.Events()), "a/0 b/1")
		expect(t, name+": letters", len(j.Letters), 0)
	}
}

func TestRetryAfterR_NoSecondAttemptWhileTheFirstMayStillBeTaken(t *testing.T) {
	for name, x := range map[string]struct {
		answer Answer
		body   string
		wait   time.Duration
	}{
		"no answer":        {Answer{Kind: NoAnswer}, "", 5 * time.Second},
		"gateway":          {Answer{Kind: Answered, HTTPStatus: 502}, "<html>", 5 * time.Second},
		"gateway's JSON":   {Answer{Kind: Answered, HTTPStatus: 504}, `{"code":504}`, 5 * time.Second},
		"half a body":      {Answer{Kind: Answered, HTTPStatus: 200}, `{"code":2`, 5 * time.Second},
		"the API's 503":    {Answer{Kind: Answered, HTTPStatus: 200}, `{"code":503}`, time.Second},
		"the API's 431":    {Answer{Kind: Answered, HTTPStatus: 200}, `{"code":431}`, time.Second},
		"nobody was there": {Answer{Kind: NotDelivered}, "", time.Second},
	} {
		r := newRig(t)
		c := r.course(1, "a")
		call := r.call(c)
		x.answer.Began = r.now
		if x.body != "" {
			x.answer.read([]byte(x.body), call.Events)
		}
		r.wait(time.Second)
		expect(t, name, r.Judge(r.now, c, call, x.answer).Again.Sub(x.answer.Began), x.wait)
	}
}

func TestTheBackoffOfARoomGrowsOnceAFailureAndEndsWithAnAnswer(t *testing.T) {
	r := newRig(t)
	wait := func(j Judgement) time.Duration { return j.RoomUntil.Sub(r.now) }
	between := func(what string, d, least, most time.Duration) {
		t.Helper()
		if d < least || d > most {
			t.Errorf("%s: %v, want %v to %v", what, d, least, most)
		}
	}
	a, b := r.course(1, "a"), r.course(1, "b")
	x, y := r.call(a), r.call(b) // at once: one failure
	first := r.Judge(r.now, a, x, Answer{Began: r.now})
	between("first", wait(first), 150*time.Millisecond, 250*time.Millisecond)
	expect(t, "the other call's", r.Judge(r.now, b, y, Answer{Began: r.now}).RoomUntil, first.RoomUntil)
	between("second", wait(r.silence(a)), 300*time.Millisecond, 500*time.Millisecond)
	for range 30 {
		between("later", wait(r.silence(a)), 300*time.Millisecond, 30*time.Second)
	}
	x = r.call(a)
	late := Answer{Began: r.now, Kind: Answered, HTTPStatus: 503, RetryAfter: 5 * time.Minute}
	expect(t, "Retry-After", wait(r.Judge(r.now, a, x, late)), 5*time.Minute)
	expect(t, "room", r.says(a, fine).Room, Healthy)
	between("after an answer", wait(r.silence(b)), 150*time.Millisecond, 250*time.Millisecond)
}

func TestABadMessageDoesNotTakeTheOthersAlong(t *testing.T) {
	r := newRig(t)
	r.elsewhere(9)
	c := r.course(1, "a", "b", "c")
	j := r.says(c, bad)
	expect(t, "room", j.Room, Trouble)
	expect(t, "letters of the batch", len(j.Letters), 0)
	for _, x := range []struct{ id, answer, letters, delivered string }{
		{"a/0", fine, "", "a/0"}, {"b/0", bad, "b refused-request refused", ""}, {"c/0", fine, "", "c/0"},
	} {
		call := r.call(c)
		expect(t, "sent alone, in order", ids(call.Events), x.id)
		j = r.Judge(r.now, c, call, r.reply(call, 200, x.answer))
		expect(t, "letters", letters(j.Letters), x.letters)
		expect(t, "delivered", ids(j.Delivered), x.delivered)
	}
	expect(t, "left", len(c.Events()), 0)
}

func TestACode200IsLookedAtMessageByMessage(t *testing.T) {
	for _, x := range []struct{ body, delivered, letters, left string }{
		{`{"code":200}`, "a/0 b/1 c/1", "", ""},
		{`{"code":200,"fail":[{"b":"hit moderation"}]}`, "a/0 c/1", "b refused-message unknown", ""},
		{`{"code":200,"fail":[{"c":"hit moderation"}],"success":[{"b":{}},{"a":{}}]}`, "a/0 b/1", "c refused-message unknown", ""},
		{`{"code":200,"success":[]}`, "", "", "a/1 b/1 c/1"},
		{`{"code":200,"fail":[{"a":"x"}],"success":[{"a":{}},{"c":{}}]}`, "a/0 c/1", "", "b/1"},
		{`{"code":200,"fail":[{"a":"x"},{"b":"x"},{"c":"x"}]}`, "", "a refused-message refused; b refused-message unknown; c refused-message unknown", ""},
	} {
		r := newRig(t)
		c := r.course(1, "a", "b", "c")
		c.events[1].Flag, c.events[2].Flag = 1, 1
		j := r.says(c, x.body)
		expect(t, x.body+": delivered", ids(j.Delivered), x.delivered)
		expect(t, x.body+": letters", letters(j.Letters), x.letters)
		expect(t, x.body+": left", ids(c.Events()), x.left)
		expect(t, x.body+": room", j.Room, Healthy)
		expect(t, x.body+": waits", j.Again.After(r.now), x.left != "")
	}
}

const (
	resendA = `{"code":200,"fail":[{"a":"parameter resendFlag should be used for RESEND!"}],"success":[{"b":{}}]}`
	echoA   = `{"code":200,"fail":[{"a":"blocked, because of the words: parameter resendFlag should be used for RESEND!"}]}`
)

func TestAResendRefusalIsALetter(t *testing.T) {
	r := newRig(t)
	j := r.says(r.course(1, "a", "b"), resendA)
	expect(t, "letters", letters(j.Letters), "a resend-required unknown")
	expect(t, "delivered", ids(j.Delivered), "b/0")
}

func TestAResendRefusalIsSentOnceMoreWhereThatIsWanted(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ResendRefusals = true })
	c := r.course(1, "a", "b")
	j := r.says(c, resendA)
	expect(t, "again", j.Again, r.now)
	x := r.call(c)
	expect(t, "sent again", ids(x.Events), "a/1")
	j = r.Judge(r.now, c, x, r.reply(x, 200, resendA))
	expect(t, "refused again", letters(j.Letters), "a resend-required unknown")
	expect(t, "left", len(c.Events()), 0)
}

func TestWhatTheAPINeverHadGoesOnceMoreWithoutTheFlag(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "z", "a", "b")
	for _, e := range c.events {
		e.Flag = 1
	}
	j := r.says(c, resendA) // z is left out
	expect(t, "absolved", ids(j.Absolved), "a/0")
	expect(t, "again", j.Again, r.now)
	x := r.call(c)
	expect(t, "alone, before what was left out", ids(x.Events), "a/0")
	j = r.Judge(r.now, c, x, Answer{Began: r.now})
	expect(t, "after no answer", ids(c.Events()), "z/1 a/1")
	r.wait(5 * time.Second)
	j = r.says(c, resendA)
	expect(t, "absolved once more", ids(j.Absolved), "a/0")
	j = r.says(c, resendA)
	expect(t, "never twice in a row", letters(j.Letters), "a resend-required unknown")
}

func TestAnEchoOfTheResendReasonIsNone(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b")
	c.events[0].Flag = 1
	expect(t, "letters", letters(r.says(c, echoA).Letters), "a refused-message unknown")
}

func TestADuplicateSentWithTheFlagIsDelivered(t *testing.T) {
	known := func(c *Config) { c.DuplicateReasons = []string{"", "Duplicate MSGID"} }
	dup := `{"code":200,"fail":[{"a":"duplicate msgId!"},{"b":"duplicate msgId!"}]}`
	r := newRig(t, known)
	c := r.course(1, "a", "b")
	c.events[1].Flag = 1
	j := r.says(c, dup)
	expect(t, "delivered", ids(j.Delivered), "b/1")
	expect(t, "letters", letters(j.Letters), "a refused-message refused")

	r = newRig(t)
	c = r.course(1, "a", "b")
	c.events[1].Flag = 1
	j = r.says(c, `{"code":417}`)
	expect(t, "417: delivered", ids(j.Delivered), "b/1")
	expect(t, "417: left", ids(c.Events()), "a/0")
	expect(t, "417 with 0", letters(r.says(c, `{"code":417}`).Letters), "a refused-request refused")
}

func TestARepeatedMessageGoesWithTheFlag(t *testing.T) {
	r := newRig(t)
	r.says(r.course(1, "a"), fine)
	expect(t, "again", ids(r.call(r.course(1, "b", "a")).Events), "b/0 a/1")
	expect(t, "in another room", ids(r.call(r.course(2, "a")).Events), "a/0")
	c := r.course(3, "a")
	r.Judge(r.now, c, r.call(c), Answer{Kind: NotDelivered})
	expect(t, "a retry is no repetition", ids(r.call(c).Events), "a/0")
}

func TestALetterTellsItsOwnAttempts(t *testing.T) {
	r := newRig(t)
	r.elsewhere(9)
	c := r.course(1, "a", "b")
	begun := r.now
	r.silence(c)
	r.wait(5 * time.Second)
	r.says(c, bad)
	r.wait(time.Second)
	l := r.says(c, `{"code":414,"desc":"too long"}`).Letters[0]
	expect(t, "attempts", l.Attempts, 3)
	expect(t, "first failed", l.FirstFailedAt, begun)
	expect(t, "code", fmt.Sprint(l.Code, l.HTTPStatus, l.Message, l.Outcome), fmt.Sprint(414, 200, "too long", OutcomeUnknown))
	r.says(c, fine)
	expect(t, "left", len(c.Events()), 0)
}

func TestADroppedBatchStillTeaches(t *testing.T) {
	r := newRig(t)
	for room := range int64(10) {
		x := r.call(r.course(room, "a"))
		j := r.Judge(r.now, nil, x, Answer{Began: r.now})
		expect(t, "letters", len(j.Letters)+len(j.Delivered)+len(j.Absolved), 0)
		expect(t, "flag", x.Events[0].Flag, 0)
	}
	expect(t, "breaker", r.breaker.open, true)
	r = newRig(t)
	x := r.call(r.course(1, "a"))
	r.Judge(r.now, nil, x, r.reply(x, 200, forged))
	expect(t, "gate", r.Gate(r.now).Mode, Probing)
	probe := r.call(r.course(2, "a"))
	expect(t, "one probe", r.Gate(r.now).Mode, Shut)
	r.Judge(r.now, nil, probe, r.reply(probe, 200, fine))
	expect(t, "after it", r.Gate(r.now).Mode, Open)
}

func TestI6_WhatTheAPIMayNeverHaveHadGoesBeforeWhatIsNew(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b", "c", "d")
	c.events[1].Flag = 1 // in doubt from an owner before; the API doesn't have it
	x := r.call(c)
	expect(t, "first call", ids(x.Events), "a/0 b/1")
	r.Judge(r.now, c, x, r.reply(x, 200, `{"code":200,"fail":[{"b":"parameter resendFlag should be used for RESEND!"}]}`))
	x = r.call(c)
	expect(t, "what the API never had", ids(x.Events), "b/0")
	r.Judge(r.now, c, x, r.reply(x, 200, fine))
	expect(t, "then the others", ids(r.call(c).Events), "c/0 d/0")
}

// A 417 says something of the messages that went: what waits behind them isn't at fault and shares calls as
// before.
func TestAfter417OnFlaggedMessagesTheRestOfTheBatchGoesTogether(t *testing.T) {
	r := newRig(t)
	c := r.course(1, "a", "b", "c")
	c.Events()[0].Flag = 1
	x := r.call(c)
	expect(t, "first call", ids(x.Events), "a/1")
	expect(t, "delivered", ids(r.Judge(r.now, c, x, r.reply(x, 200, `{"code":417}`)).Delivered), "a/1")
	expect(t, "second call", ids(r.call(c).Events), "b/0 c/0")
}
