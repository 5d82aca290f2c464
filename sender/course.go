package sender

import (
	"fmt"
	"slices"
	"time"

	"roomrelay/event"
)

// giveUpCount is how many attempts must have counted before a batch is given up: a long give-up-after
// with few attempts would say little.
const giveUpCount = 5

// Course is what has become of one batch so far: which of its events have no outcome yet, and how they
// go next.
type Course struct {
	room   int64
	trials []trial        // of every event, in order
	events []*event.Event // those without outcome, in order
	next   []*event.Event // to be sent alone at once, in this order, before anything else
	alone  bool           // one message at a time: the request was refused, or is about to be given up
	last   bool           // ... given up

	silent  *Call     // the last call, if nobody answered it and it hasn't been counted yet
	counted int       // unanswered calls that counted
	first   time.Time // begin of the first that counted
	latest  time.Time // ... of the last
	ending  string    // how the last unanswered call ended
	code    int       // ... with which code
	status  int

	accused      *event.Event // the first message of the last call that met a set-up verdict
	accusedWith  int          // how many that call had
	contradicted int          // how often such a verdict was, by a 200 of another room's call begun after it
	setUpAt      tick         // when the last of them came
	held         int          // how often it was held back for the worker's set-up
	pauses       pauses       // of messages that are left out of answers
}

// trial is what has become of one event so far.
type trial struct {
	event    *event.Event
	known    bool // looked up among the recently sent
	asked    bool // sent once more because of what the API said of its flag
	attempts int
	failedAt time.Time // when it first failed
}

// NewCourse begins the course of a batch. The events must be able to share a request.
func (s *Sender) NewCourse(events []*event.Event) *Course {
	c := &Course{room: events[0].Room, trials: make([]trial, len(events)), events: slices.Clone(events)}
	for i, e := range events {
		c.trials[i].event = e
	}
	return c
}

// Events is what has no outcome yet, in order. It is valid until the course goes on.
func (c *Course) Events() []*event.Event { return c.events }

// trial finds an event's: among ten at most.
func (c *Course) trial(e *event.Event) *trial {
	for i := range c.trials {
		if t := &c.trials[i]; t.event == e {
			return t
		}
	}
	panic("sender: an event of another course")
}

// failed notes when events first failed.
func (c *Course) failed(now time.Time, events ...*event.Event) {
	for _, e := range events {
		if t := c.trial(e); t.failedAt.IsZero() {
			t.failedAt = now
		}
	}
}

// Step is what to do with a course now.
type Step struct {
	Call    *Call     // to be attempted and judged; nil if there are letters: what is behind them waits
	Letters []Letter  // events that are given up without a further call
	Again   time.Time // with events left and no call: when to ask again
}

// Next plans the next attempt. It must only be called when Gate lets a call begin, and not before the
// last Judgement's Again.
func (s *Sender) Next(now time.Time, c *Course) Step {
	step := Step{Letters: s.giveUp(now, c)}
	if !c.last && s.rooms.givenUp(c.room) && !s.halted() {
		step.Letters = append(step.Letters, s.overdue(now, c)...)
	}
	switch {
	case len(c.events) == 0:
	case len(step.Letters) > 0:
		step.Again = now
	default:
		step.Call = s.call(now, c, c.pick())
	}
	return step
}

// pick chooses the events of the next call.
func (c *Course) pick() []*event.Event {
	switch {
	case len(c.next) > 0:
		return []*event.Event{c.next[0]}
	case c.alone:
		return []*event.Event{c.events[0]}
	}
	return slices.Clone(c.events) // the course's own list changes as events get their outcome
}

// giveUp counts the last call, if nobody answered it, and gives up what has been tried in vain for long
// enough: of a batch of several only what was then tried alone once more.
func (s *Sender) giveUp(now time.Time, c *Course) []Letter {
	x := c.silent
	c.silent = nil
	if x == nil || !s.counts(x) {
		return nil
	}
	if c.counted++; c.counted == 1 {
		c.first = x.at
	}
	c.latest = x.at
	if c.counted >= giveUpCount && c.latest.Sub(c.first) >= s.cfg.GiveUpAfter {
		c.last, c.alone, c.next = true, true, nil
	}
	if !c.last || len(x.Events) > 1 {
		return nil
	}
	s.rooms.giveUp(c.room)
	return []Letter{c.abandon(now, x.Events[0])}
}

// counts says whether an unanswered call says something of its room: only if another room was answered
// after it began. So an outage, in which nobody is, never adds up to giving up.
func (s *Sender) counts(x *Call) bool { return s.doubt.answered.elsewhere(x.Room) > x.begun }

// overdue takes out what has waited too long for a room that was given up. While sending is stopped it
// isn't asked for: then nothing can be said of the room.
func (s *Sender) overdue(now time.Time, c *Course) (letters []Letter) {
	for _, e := range slices.Clone(c.events) {
		if now.Sub(e.Arrived) >= s.cfg.GiveUpAfter {
			letters = append(letters, c.abandon(now, e))
		}
	}
	return letters
}

// drop takes an event that has its outcome out of the course.
func (c *Course) drop(e *event.Event) {
	is := func(x *event.Event) bool { return x == e }
	c.events = slices.DeleteFunc(c.events, is)
	c.next = slices.DeleteFunc(c.next, is)
}

// abandon makes the letter of an event that is given up.
func (c *Course) abandon(now time.Time, e *event.Event) Letter {
	l := c.letter(now, e, ReasonGivenUp)
	l.Code, l.HTTPStatus = c.code, c.status
	switch {
	case c.ending != "":
		l.Message = fmt.Sprintf("given up after %d attempts, while other rooms were answered: the last ended with %s", l.Attempts, c.ending)
	default:
		l.Message = "not sent: its room has been given up, and it has waited as long"
	}
	c.drop(e)
	return l
}

// refusedLetter makes the letter of an event that an answer refused. If an earlier attempt may have been
// taken, the refusal doesn't say that nobody saw it.
func (c *Course) refusedLetter(now time.Time, e *event.Event, reason, message string, a *Answer) Letter {
	l := c.letter(now, e, reason)
	l.Code, l.HTTPStatus, l.Message = a.Code, a.HTTPStatus, bounded(message)
	if l.Outcome == OutcomeNeverSent {
		l.Outcome = OutcomeRefused
	}
	c.drop(e)
	return l
}

func (c *Course) letter(now time.Time, e *event.Event, reason string) Letter {
	c.failed(now, e)
	t := c.trial(e)
	l := Letter{Event: e, Reason: reason, Outcome: OutcomeNeverSent, Attempts: t.attempts, FirstFailedAt: t.failedAt}
	if e.Flag == 1 {
		l.Outcome = OutcomeUnknown
	}
	return l
}

// askAgain lets an event go once more at once, alone, with another flag; false: it has been asked already. The API
// has looked at it and wants it, so what was counted against the batch is past.
func (c *Course) askAgain(e *event.Event, flag uint8) bool {
	t := c.trial(e)
	if t.asked {
		return false
	}
	t.asked = true
	c.counted, c.last = 0, false
	e.Flag = flag
	c.next = append(c.next, e)
	return true
}
