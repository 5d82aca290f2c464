package sender

import (
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"

	"roomrelay/event"
)

// giveUpCount is how many attempts must have counted before a batch is given up: a long give-up-after
// with few attempts would say little.
const giveUpCount = 5

// Course is what has become of one batch so far: which of its events have no outcome yet, and how they
// go next.
type Course struct {
	events []*event.Event
	next   []*event.Event        // to be sent alone at once, in this order, before anything else
	asked  map[*event.Event]bool // sent once more because of what the API said of its flag
	alone  bool                  // the request was refused, or is about to be given up: one message at a time
	last   bool                  // ... given up
	known  bool                  // every event was looked up among the recently sent

	attempts    int
	firstFailed time.Time
	failed      *Call     // the last attempt, if it failed and hasn't been judged for giving up
	counted     int       // failed attempts that counted
	first       time.Time // begin of the first that counted
	latest      time.Time // ... of the last
	setUpAt     time.Time // when a set-up verdict first met it
	backoff     *backoff.ExponentialBackOff
}

// NewCourse begins the course of a batch. The events must be able to share a request.
func (s *Sender) NewCourse(events []*event.Event) *Course {
	return &Course{events: slices.Clone(events)}
}

// Events is what has no outcome yet, in order. It is valid until the course goes on.
func (c *Course) Events() []*event.Event { return c.events }

// Step is what to do with a course now.
type Step struct {
	Call    *Call     // to be attempted; nil: none is needed now
	Letters []Letter  // events that are given up without a further call
	Again   time.Time // with events left and no call: when to ask again
}

// Next plans the next attempt. It must only be called when Gate lets a call begin, and what it returns
// must be attempted and judged.
func (s *Sender) Next(now time.Time, c *Course) Step {
	var step Step
	room := c.events[0].Room
	if c.failed != nil && s.count(c) && c.last {
		step.Letters = append(step.Letters, c.letter(now, c.events[0], ReasonGivenUp))
		c.drop(c.events[0])
	}
	if !c.last && c.exhausted(s.cfg.GiveUpAfter) {
		if c.last = true; len(c.events) == 1 {
			step.Letters = append(step.Letters, c.letter(now, c.events[0], ReasonGivenUp))
			c.drop(c.events[0])
		}
		c.alone, c.next = true, nil
	}
	if len(c.events) > 0 && !c.last && s.rooms.givenUp(room) {
		step.Letters = append(step.Letters, s.overdue(now, c)...)
	}
	if len(c.events) == 0 {
		if c.last {
			s.rooms.giveUp(room)
		}
		return step
	}
	if len(step.Letters) > 0 {
		step.Again = now // what comes behind a letter waits for it
		return step
	}
	step.Call = s.call(now, c, s.flagged(c))
	return step
}

// flagged is the events of the next call, with their flags.
func (s *Sender) flagged(c *Course) []*event.Event {
	if !c.known {
		c.known = true
		for _, e := range c.events {
			if s.seen.again(e.Room, e.MsgID) {
				e.Flag = 1
			}
		}
	}
	switch {
	case len(c.next) > 0:
		return []*event.Event{c.next[0]}
	case c.alone:
		return []*event.Event{c.events[0]}
	}
	return slices.Clone(c.events) // the course's own list changes as events get their outcome
}

// count judges the last failed attempt: it counts only if another room was answered after it began. So an
// outage, in which nobody is, never adds up to giving up.
func (s *Sender) count(c *Course) bool {
	x := c.failed
	c.failed = nil
	if !s.doubt.any.since(x.began, x.Room) {
		return false
	}
	if c.counted++; c.counted == 1 {
		c.first = x.began
	}
	c.latest = x.began
	return true
}

func (c *Course) exhausted(after time.Duration) bool {
	return c.counted >= giveUpCount && c.latest.Sub(c.first) >= after
}

// overdue takes out what has waited too long for a room that was given up.
func (s *Sender) overdue(now time.Time, c *Course) (letters []Letter) {
	for _, e := range slices.Clone(c.events) {
		if now.Sub(e.Arrived) >= s.cfg.GiveUpAfter {
			letters = append(letters, c.letter(now, e, ReasonGivenUp))
			c.drop(e)
		}
	}
	return letters
}

// drop takes an event that has its outcome out of the course.
func (c *Course) drop(e *event.Event) {
	is := func(x *event.Event) bool { return x == e }
	c.events = slices.DeleteFunc(c.events, is)
	c.next = slices.DeleteFunc(c.next, is)
	delete(c.asked, e)
}

// letter is the letter of an event without an answer of its own.
func (c *Course) letter(now time.Time, e *event.Event, reason string) Letter {
	l := Letter{Event: e, Reason: reason, Outcome: OutcomeNeverSent, Attempts: c.attempts, FirstFailedAt: c.firstFailed}
	if l.FirstFailedAt.IsZero() {
		l.FirstFailedAt = now
	}
	if e.Flag == 1 {
		l.Outcome = OutcomeUnknown
	}
	return l
}

// answered is the letter of an event that an answer refused. If an earlier attempt may have been taken,
// the refusal doesn't say that nobody saw it.
func (c *Course) answered(now time.Time, e *event.Event, reason, message string, a *Answer) Letter {
	l := c.letter(now, e, reason)
	l.Code, l.HTTPStatus, l.Message = a.Code, a.HTTPStatus, bounded(message)
	if l.Outcome == OutcomeNeverSent {
		l.Outcome = OutcomeRefused
	}
	return l
}

// askAgain lets an event go once more at once, alone, with another flag; false: it has been asked already.
func (c *Course) askAgain(e *event.Event, flag uint8) bool {
	if c.asked[e] {
		return false
	}
	if c.asked == nil {
		c.asked = map[*event.Event]bool{}
	}
	c.asked[e] = true
	e.Flag = flag
	c.next = append(c.next, e)
	return true
}
