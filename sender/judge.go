package sender

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"roomrelay/event"
)

// RoomState is what an answer says of its room.
type RoomState uint8

const (
	Same    RoomState = iota
	Healthy           // answered 200
	Trouble           // no answer, or refused whole
)

// Judgement is what comes of an attempt.
type Judgement struct {
	Verdict   Verdict
	Delivered []*event.Event
	Letters   []Letter
	Absolved  []*event.Event // sent, and certainly not in the API, neither from this nor from an earlier attempt
	Again     time.Time      // if events are left: not before
	Room      RoomState
	RoomUntil time.Time // of Trouble: no call of the room before
}

// resendText is the documented reason for a msgId whose resendFlag doesn't fit.
const resendText = "should be used for resend"

// Judge takes in the answer of a call. With a nil course, whose batch nobody waits for any more, only
// what the answer says of the API is taken in.
func (s *Sender) Judge(now time.Time, c *Course, call *Call, a Answer) Judgement {
	v := a.judge()
	if v == Duplicate && !slices.Contains(call.flags, 1) {
		v = Refused
	}
	s.learn(now, call, &a, v)
	j := Judgement{Verdict: v, Again: now}
	if c == nil {
		return j
	}
	if v != Listed && c.firstFailed.IsZero() {
		c.firstFailed = now
	}
	if v == SetUp {
		v = s.setUp(now, c, call, a.explain())
	} else if v == Refused {
		v = s.refusal(now, c, call, &a)
	}
	if v.untaken() {
		j.Absolved = call.absolved()
	}
	switch v {
	case Listed:
		j.Room = Healthy
		s.list(now, c, call, &a, &j)
	case Duplicate:
		j.Room = Healthy
		s.duplicates(c, call, &j)
	case Unknown, Undelivered:
		s.unheard(now, c, call, &a, v, &j)
	case Refused:
		j.Room = Trouble
		s.refuse(now, c, call, &a, &j)
	case Throttled, SetUp: // the gate holds it
	}
	if len(c.next) > 0 {
		j.Again = now // at once
	}
	return j
}

// learn is what an answer says of the API itself.
func (s *Sender) learn(now time.Time, call *Call, a *Answer, v Verdict) {
	if call.probe {
		s.probing = false
	}
	switch {
	case v.unheard():
		s.breaker.unanswered(now, call.Room, call.probe)
		if call.probe {
			s.setup.unheard(now)
		}
		if v == Undelivered {
			s.urls.unreachable(now, call.url)
		}
		s.log.Warn().Str("verdict", string(v)).Int("http", a.HTTPStatus).Int("code", a.Code).Err(a.Err).Int64("room", call.Room).Msg("call not answered")
		return
	case v == Throttled:
		s.quota.throttled(call.began, now, a.RetryAfter)
		s.log.Warn().Int64("room", call.Room).Time("until", s.quota.pause).Msg("over the quota")
	}
	s.breaker.answered()
	if v.answered() {
		s.rooms.answered(call.Room)
		s.doubt.any.note(now, call.Room)
	}
	if v == Listed || v == Duplicate {
		s.doubt.listed(now, call.Room)
		s.setup.over()
	}
}

// setUp says what a set-up verdict is for this batch: trouble of the worker, or, once another room was
// answered 200 since it first met the batch, a refusal.
func (s *Sender) setUp(now time.Time, c *Course, call *Call, why string) Verdict {
	if c.setUpAt.IsZero() {
		c.setUpAt = now
	} else if s.doubt.ok.since(c.setUpAt, call.Room) {
		return Refused
	}
	s.setup.stands(now, why, call.probe)
	return SetUp
}

// refusal says what a refused request is for this batch: a refusal, or trouble of the worker's set-up.
func (s *Sender) refusal(now time.Time, c *Course, call *Call, a *Answer) Verdict {
	all := s.doubt.refused(call.Room)
	switch {
	case a.Code == 414 && !s.doubt.welcome:
		return s.setUp(now, c, call, "the API refuses the parameters of every call (414), and has taken none since the start: check app-key, api-endpoint and what is published")
	case all:
		s.setup.stands(now, fmt.Sprintf("the last %d calls, of several rooms, were all refused (%d): check that app-key and api-endpoint are those of these rooms", refusedCalls, a.Code), call.probe)
		return SetUp
	}
	return Refused
}

// absolved is those of a call that wasn't taken which no earlier attempt can have brought to the API.
func (x *Call) absolved() (events []*event.Event) {
	for i, e := range x.Events {
		if x.flags[i] == 0 {
			events = append(events, e)
		}
	}
	return events
}

// unheard holds a batch back whose call nobody answered.
func (s *Sender) unheard(now time.Time, c *Course, call *Call, a *Answer, v Verdict, j *Judgement) {
	j.Room = Trouble
	j.RoomUntil = now.Add(max(s.rooms.unanswered(call.Room), a.RetryAfter))
	if v == Undelivered {
		c.failed = call
		return
	}
	for _, e := range call.Events {
		e.Flag = 1 // nobody knows whether they were taken
	}
	c.next = nil // with whatever flag: what the API said of it is older than this attempt
	c.failed = call
	if !a.HasCode {
		// Without an answer of the API the call may still be on its way, and be taken after a second
		// one that was sent too soon: that one would be no duplicate yet, this one none that is checked.
		j.Again = latest(now, a.Began.Add(s.cfg.RequestTimeout))
	}
}

// list looks at each message of a call that was answered 200.
func (s *Sender) list(now time.Time, c *Course, call *Call, a *Answer, j *Judgement) {
	var left []*event.Event
	for i, e := range call.Events {
		failed, inFail := find(a.fail, e.MsgID)
		_, inSuccess := find(a.success, e.MsgID)
		switch {
		case inFail && !inSuccess:
			s.failed(now, c, e, call.flags[i], failed.reason, a, j)
		case inSuccess, !a.hasSuccess:
			s.deliver(c, e, j)
		default:
			left = append(left, e)
		}
	}
	if len(left) == 0 {
		return
	}
	for _, e := range left {
		e.Flag = 1
	}
	if c.backoff == nil {
		c.backoff = newBackoff(s.cfg.RetryInitial, s.cfg.RetryMax)
	}
	c.failed = call
	j.Again = now.Add(c.backoff.NextBackOff())
}

// failed judges a message that an answer names in fail.
func (s *Sender) failed(now time.Time, c *Course, e *event.Event, flag uint8, reason string, a *Answer, j *Judgement) {
	resend := strings.Contains(strings.ToLower(reason), resendText)
	switch {
	case resend && flag == 1 && c.askAgain(e, 0):
		j.Absolved = append(j.Absolved, e) // the API never had it
		return
	case resend && flag == 0 && s.cfg.ResendRefusals && c.askAgain(e, 1):
		return
	case flag == 1 && s.duplicate(reason):
		s.deliver(c, e, j)
		return
	}
	why := ReasonRefusedMessage
	if resend {
		why = ReasonResendRequired
	}
	l := c.answered(now, e, why, reason, a)
	if resend {
		l.Outcome = OutcomeUnknown // it was there before, the API says
	}
	j.Letters = append(j.Letters, l)
	c.drop(e)
}

func (s *Sender) duplicate(reason string) bool {
	reason = strings.ToLower(reason)
	return slices.ContainsFunc(s.cfg.DuplicateReasons, func(t string) bool {
		return t != "" && strings.Contains(reason, strings.ToLower(t))
	})
}

// duplicates is code 417: what went with 1 is there already, what went with 0 is to go alone.
func (s *Sender) duplicates(c *Course, call *Call, j *Judgement) {
	for i, e := range call.Events {
		if call.flags[i] == 1 {
			s.deliver(c, e, j)
		}
	}
	c.alone = true
}

func (s *Sender) deliver(c *Course, e *event.Event, j *Judgement) {
	j.Delivered = append(j.Delivered, e)
	c.drop(e)
	if s.doubt.senders != nil {
		s.doubt.delivered(roomSender{e.Room, e.Sender})
	}
}

// refuse is for a request that was refused: more than one message go one by one, one is a letter.
func (s *Sender) refuse(now time.Time, c *Course, call *Call, a *Answer, j *Judgement) {
	k := roomSender{call.Room, strings.Clone(call.Events[0].Sender)}
	if len(call.Events) > 1 && !s.doubt.sure(now, k, a.Code) {
		c.alone = true
		return
	}
	if len(call.Events) == 1 {
		s.doubt.refusedAlone(now, k, a.Code, strings.Clone(call.Events[0].MsgID))
	}
	for _, e := range call.Events {
		j.Letters = append(j.Letters, c.answered(now, e, ReasonRefusedRequest, a.Desc, a))
		c.drop(e)
	}
}
