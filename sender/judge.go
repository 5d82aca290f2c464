package sender

import (
	"fmt"
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
	RoomUntil time.Time // of Trouble: no call of the room before, but probes
}

// Judge takes in the answer of a call. With a nil course, whose batch nobody waits for any more, only
// what the answer says of the API is taken in.
func (s *Sender) Judge(now time.Time, c *Course, call *Call, a Answer) Judgement {
	at := s.tick()
	v := a.judge()
	if v == Unsent {
		return s.unsent(now, call)
	}
	if v == Duplicate && !call.flagged() {
		v = Refused
	}
	j := Judgement{Verdict: v, Again: now}
	if v == SetUp && c != nil && s.cleared(c, call, at) {
		v = Refused
	}
	v = s.learn(now, at, call, &a, v)
	if c == nil {
		return j
	}
	if v != Listed && v != Duplicate {
		c.failed(now, call.Events...)
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
	case Unknown:
		s.unknown(now, at, c, call, &a, &j)
	case Undelivered:
		s.undelivered(now, at, c, call, &a, &j)
	case Refused:
		j.Room = Trouble
		s.refuse(now, c, call, &a, &j)
	case SetUp:
		j.Again = now.Add(c.hold())
	case Throttled: // the gate holds it
	}
	return j
}

// cleared says that a set-up verdict isn't the worker's: so often in turn these messages met one and another
// room's call, begun after it, was answered 200. A call that had begun before says nothing: a secret that is
// changed while calls are on their way refuses the later ones only. And once says little: credentials may be
// wrong, and mended, and the clock jump a minute later, all within the life of one batch. What was said of a
// batch isn't said of each of its messages: one of them has a text that looks so, the others are innocent.
func (s *Sender) cleared(c *Course, call *Call, at tick) bool {
	switch {
	case c.accused != call.Events[0] || c.accusedWith != len(call.Events):
		c.accused, c.accusedWith, c.contradicted, c.held = call.Events[0], len(call.Events), 0, 0
	case s.doubt.taken.elsewhere(c.room) > c.setUpAt:
		c.contradicted++
		c.held = min(c.held, 1) // it is about to be cleared: no reason to wait longer and longer
	}
	c.setUpAt = at
	return c.contradicted >= contradictions
}

// contradictions is how often a set-up verdict must be contradicted by a 200 in another room. Each costs the
// one message whose text looks so a call; a set-up that fails and is mended at their pace doesn't happen.
const contradictions = 2

// learn takes in what an answer says of the API itself. It gives the verdict that this leads to: a refusal
// is none while the worker's set-up is in doubt.
func (s *Sender) learn(now time.Time, at tick, call *Call, a *Answer, v Verdict) Verdict {
	if call.probe {
		s.probing = false
	}
	if v.unheard() {
		s.breaker.silence(now, call.Room, call.probe)
		s.log.Warn().Str("verdict", string(v)).Int("http", a.HTTPStatus).Int("code", a.Code).Err(a.Err).Int64("room", call.Room).Msg("call not answered")
	} else {
		s.breaker.answer()
	}
	if v == Undelivered {
		s.urls.unreachable(now, call.url)
	} else {
		s.urls.reached(call.url, call.at)
	}
	switch v {
	case Throttled:
		s.penalty.add(now, call.begun, at, a.RetryAfter)
		s.log.Warn().Time("until", s.penalty.until).Msg("over the quota")
	case SetUp:
		s.setup.stands(now, a.explain())
		s.setup.told = true
	case Refused:
		if call.probe && s.setup.told && a.HTTPStatus == 200 && a.Code != 414 {
			// The API looks at messages again, and it is this one that it refuses. A worker whose only
			// room has such a message at its head would otherwise wait for ever.
			s.setup.over()
		}
		if why := s.doubt.refused(call.Room, a); why != "" {
			s.setup.stands(now, why)
			s.setup.told = s.setup.told || a.Code == 414
		}
		if s.setup.why != "" {
			v = SetUp
		}
	case Listed, Duplicate:
		s.doubt.accepted(call)
		s.setup.over()
	}
	if call.probe && s.setup.why != "" {
		s.setup.probed(now)
	}
	if v.answered() {
		s.rooms.answered(call.Room)
		s.doubt.answered.note(call.Room, at)
	}
	return v
}

// unknown is for a call of which nobody knows whether it was taken.
func (s *Sender) unknown(now time.Time, at tick, c *Course, call *Call, a *Answer, j *Judgement) {
	c.doubt(call.Events)
	c.next = nil // with whatever flag: what the API said of it is older than this call
	s.silence(now, at, c, call, a, j)
	if a.HTTPStatus != 200 || !a.HasCode {
		// Without an answer of the API the call may still be on its way, and be taken after a second
		// one that was sent too soon: that one would be no duplicate yet, this one none that is checked. It
		// has been there since it was written, which may be long after its dial began.
		j.Again = latest(now, latest(a.Began, a.Written).Add(s.cfg.RequestTimeout))
	}
}

// unsent is for a call that never left: its events are as they were before it.
func (s *Sender) unsent(now time.Time, call *Call) Judgement {
	s.probing = s.probing && !call.probe
	return Judgement{Verdict: Unsent, Again: now, Absolved: call.absolved()}
}

// undelivered is for a call that got no connection.
func (s *Sender) undelivered(now time.Time, at tick, c *Course, call *Call, a *Answer, j *Judgement) {
	s.silence(now, at, c, call, a, j)
	if s.urls.current > call.url { // another endpoint, not yet found unreachable in this round
		j.Room, j.RoomUntil = Same, time.Time{}
	}
}

// silence holds a room back that nobody answered for.
func (s *Sender) silence(now time.Time, at tick, c *Course, call *Call, a *Answer, j *Judgement) {
	j.Room = Trouble
	j.RoomUntil = s.rooms.silence(now, call, at, a.RetryAfter)
	c.silent, c.ending, c.code, c.status = call, a.ending(), a.Code, a.HTTPStatus
}

// ending tells a person how a call ended that nobody answered.
func (a *Answer) ending() string {
	switch {
	case a.Kind == NotDelivered:
		return "no connection"
	case a.Kind == NoAnswer:
		return "no answer"
	case a.HTTPStatus != 200:
		return fmt.Sprintf("HTTP %d", a.HTTPStatus)
	case a.HasCode:
		return fmt.Sprintf("code %d", a.Code)
	}
	return "an answer that can't be read"
}

// doubt notes that nobody knows whether these events were taken.
func (c *Course) doubt(events []*event.Event) {
	for _, e := range events {
		e.Flag = 1
		c.trial(e).asked = false // what the API said of its flag is past
	}
}

// hold says how long a batch waits for the worker's set-up. The gate lets probes through rarely; this one
// isn't to be all of them, nor to go at every one's success while it is the only one at fault.
func (c *Course) hold() time.Duration {
	c.held++
	if c.held == 1 {
		return 0
	}
	return min(firstProbe<<min(c.held-2, 10), rarestProbe)
}

// list looks at each message of a call that was answered 200.
func (s *Sender) list(now time.Time, c *Course, call *Call, a *Answer, j *Judgement) {
	var left []*event.Event
	for i, e := range call.Events {
		switch m := &a.mentions[i]; {
		case m.succeeded:
			s.deliver(c, e, j)
		case m.failed:
			s.named(now, c, call.flags[i], e, m.reason, a, j)
		case a.hasSuccess:
			left = append(left, e)
		default:
			s.deliver(c, e, j)
		}
	}
	if len(left) == 0 {
		c.counted = 0 // whatever is left of the batch, the API has just looked at it
		return
	}
	c.doubt(left)
	c.failed(now, left...)
	if c.pauses.ExponentialBackOff == nil {
		c.pauses = newPauses(s.cfg.RetryInitial, s.cfg.RetryMax)
	}
	// Over and over again this is no better than no answer. The whole call, not what it left out: what went with
	// others wasn't tried alone.
	c.silent, c.ending, c.code, c.status = call, "an answer that left it out", a.Code, a.HTTPStatus
	if len(c.next) == 0 { // those go at once
		j.Again = now.Add(c.pauses.next())
	}
}

// named judges a message that an answer names in fail.
func (s *Sender) named(now time.Time, c *Course, flag uint8, e *event.Event, reason string, a *Answer, j *Judgement) {
	if flag == 1 && s.duplicate(reason) {
		s.deliver(c, e, j)
		return
	}
	c.failed(now, e)
	if !wantsResend(reason) {
		j.Letters = append(j.Letters, c.refusedLetter(now, e, ReasonRefusedMessage, reason, a))
		return
	}
	switch {
	case flag == 1 && c.askAgain(e, 0):
		j.Absolved = append(j.Absolved, e) // the API never had it
	case flag == 0 && s.cfg.ResendRefusals && c.askAgain(e, 1):
	default:
		l := c.refusedLetter(now, e, ReasonResendRequired, reason, a)
		l.Outcome = OutcomeUnknown // it was there before, the API says
		j.Letters = append(j.Letters, l)
	}
}

// wantsResend recognises the page's reason for a resendFlag that doesn't fit: "parameter resendFlag should
// be used for RESEND!". What it leads to may show a message twice, so nothing longer is taken for it: a
// reason may echo what a user wrote.
func wantsResend(reason string) bool {
	const tail = "should be used for resend"
	reason = strings.ToLower(strings.TrimRight(reason, " !."))
	return strings.HasSuffix(reason, tail) && len(reason) <= len(tail)+30
}

func (s *Sender) duplicate(reason string) bool {
	reason = strings.ToLower(reason)
	for _, t := range s.cfg.DuplicateReasons {
		if t != "" && strings.Contains(reason, strings.ToLower(t)) {
			return true
		}
	}
	return false
}

// duplicates is code 417: what went with 1 is there already, what went with 0 is to go alone.
func (s *Sender) duplicates(c *Course, call *Call, j *Judgement) {
	for i, e := range call.Events {
		if call.flags[i] == 1 {
			s.deliver(c, e, j)
		} else {
			c.alone = true
		}
	}
}

func (s *Sender) deliver(c *Course, e *event.Event, j *Judgement) {
	j.Delivered = append(j.Delivered, e)
	c.drop(e)
	s.doubt.delivered(roomSender{e.Room, e.Sender})
}

// refuse is for a request that was refused: more than one message go one by one, one is a letter.
func (s *Sender) refuse(now time.Time, c *Course, call *Call, a *Answer, j *Judgement) {
	k := roomSender{call.Room, call.Events[0].Sender}
	if len(call.Events) > 1 && !s.doubt.sure(now, k, a.Code) {
		c.alone = true
		return
	}
	if len(call.Events) == 1 {
		s.doubt.refusedAlone(now, k, a.Code, call.Events[0].MsgID)
	}
	for _, e := range call.Events {
		j.Letters = append(j.Letters, c.refusedLetter(now, e, ReasonRefusedRequest, a.Desc, a))
	}
}
