package sender

import (
	"slices"
	"time"

	"roomrelay/event"
)

// Call is one request.
type Call struct {
	Room   int64
	Events []*event.Event // at most 10, each with the Flag with which it goes

	url   int       // in endpoints
	flags []uint8   // of Events: an event's own changes when its outcome becomes unknown
	at    time.Time // when it was planned: Attempt notes its own beginning
	begun tick
	probe bool
}

// call makes the next call of a course.
func (s *Sender) call(now time.Time, c *Course, events []*event.Event) *Call {
	probe := s.halted()
	s.probing = s.probing || probe
	s.quota.take(now)
	for _, e := range events {
		if t := c.trial(e); !t.known {
			t.known = true
			if s.seen.again(e.Room, e.MsgID) {
				e.Flag = 1
			}
		}
	}
	events = events[:alike(events)]
	x := &Call{Room: c.room, Events: events, url: s.urls.pick(now), flags: make([]uint8, len(events)), at: now, begun: s.tick(), probe: probe}
	for i, e := range events {
		c.trial(e).attempts++
		x.flags[i] = e.Flag
	}
	return x
}

// alike is how many events may share a call: none that goes with 0 follows one that goes with 1. The API
// may name the latter in fail, since it never had it: it goes again then, and would come after the other.
func alike(events []*event.Event) int {
	for i := 1; i < len(events); i++ {
		if events[i-1].Flag == 1 && events[i].Flag == 0 {
			return i
		}
	}
	return len(events)
}

// flagged says whether any message went with resendFlag 1.
func (x *Call) flagged() bool { return slices.Contains(x.flags, 1) }

// absolved is those of a call that wasn't taken which no earlier attempt can have brought to the API.
func (x *Call) absolved() (events []*event.Event) {
	for i, e := range x.Events {
		if x.flags[i] == 0 {
			events = append(events, e)
		}
	}
	return events
}
