package chaos

import (
	"roomrelay/batcher"
	"roomrelay/deadletter"
	"roomrelay/internal/audit"
	"roomrelay/internal/imsim"
)

// rules are the invariants that the audit's findings break.
var rules = map[audit.Kind]string{
	audit.Lost: "I4", audit.ShownTwice: "shown twice", audit.Swapped: "I6", audit.Strange: "strange",
}

// close holds what has become of everything against what was published.
func (j *judge) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.letters.read(j)
	in := audit.Input{ByRoom: j.run.plan.Setting.Ordering == batcher.ByRoom, Shown: j.run.Sim.Messages(0)}
	for _, l := range j.books.logs {
		for _, x := range l.records {
			if x.event.Null {
				continue
			}
			in.Published = append(in.Published, audit.Event{
				Room: x.event.Room, Sender: x.event.Sender, MsgID: x.event.ID, Partition: x.partition, Offset: x.offset,
				Valid: x.event.Valid, Refused: j.run.plan.Refused[x.event.ID],
			})
			if x.lettered {
				in.Letters = append(in.Letters, audit.Letter{Partition: x.partition, Offset: x.offset})
			}
		}
	}
	for _, v := range audit.Check(in).Violations {
		if v.Kind != audit.FalseLetter && !j.excused(&v) { // letters were weighed one by one
			j.blame(rules[v.Kind], v.MsgID, "%v", v)
		}
	}
	for x := range j.run.Sim.Messages(0) {
		e := j.books.entries[message{x.Room, x.MsgID}]
		if e != nil && e.records[0].event.Attach != x.Attach {
			j.blame("strange", x.MsgID, "shown as %.100q, published as %.100q", x.Attach, e.records[0].event.Attach)
		}
	}
	for _, e := range j.books.entries {
		j.both(e)
	}
	// A displaced owner makes its share of the calls until its lease ends, beside the owners that share all of them; and
	// calls that waited for connections come together, though they began one by one.
	if n := j.run.Sim.Stats().ByCode["416"]; n > 0 && !j.run.plan.has(416) && !j.run.usurped() && !j.run.plan.does(Hesitate) {
		j.blame("I12", "", "the API said 416 %d times to workers that keep the rate", n)
	}
}

// excused knows the exceptions that the rules name.
func (j *judge) excused(v *audit.Violation) bool {
	e := j.books.entries[message{v.Room, v.MsgID}]
	switch {
	case v.Kind == audit.Lost && e != nil:
		for _, x := range e.records {
			if x.deleted || x.unowed {
				return true
			}
		}
	case v.Kind == audit.Lost: // an invalid one
		for _, l := range j.books.logs {
			for _, x := range l.records {
				if x.event.ID == v.MsgID && !x.event.Valid && (x.deleted || x.unowed) {
					return true
				}
			}
		}
	case v.Kind == audit.ShownTwice && e != nil:
		return len(e.records) > 1 && len(e.callers()) > 1 // each of them had another record of it
	case v.Kind == audit.Swapped && e != nil:
		// One that is a letter may be delivered late; one left out comes after those that shared its call;
		// one that the API says it never had goes again at once, and so may come after those behind it.
		return j.wasLetter(e) || j.wasLeftOut(e) || len(e.records) > 1 || e.records[0].unowed
	}
	return false
}

func (j *judge) wasLetter(e *entry) bool {
	for _, x := range e.records {
		if x.lettered {
			return true
		}
	}
	return false
}

func (j *judge) wasLeftOut(e *entry) bool {
	for _, c := range e.calls {
		for i, x := range c.entries {
			// Also where nobody heard the answer: the API took the others and not this one.
			if m := &c.Messages[i]; x == e && (c.class == listed || c.Taken && !m.Shown) && m.Listed == imsim.InNeither && len(c.entries) > 1 {
				return true
			}
		}
	}
	return false
}

// both is I4's exception: delivered and a letter is only what ended without a verdict, or what was lettered
// by one worker and sent by another.
func (j *judge) both(e *entry) {
	if e.shown == 0 || !j.wasLetter(e) || j.moved || len(e.records) > 1 {
		return
	}
	for _, x := range j.letters.all {
		if x.record != nil && x.record.entry == e && x.outcome() != deadletter.OutcomeUnknown && len(e.callers()) < 2 && !j.takenAgain(e, x) {
			j.blame("I4", e.id, "delivered by the one worker that also made it a letter: %v", x.headers)
		}
	}
}

// takenAgain says that the worker took the partition anew after it had made the letter, and so is another owner:
// it sent the message with resendFlag 1, in doubt.
func (j *judge) takenAgain(e *entry, x *letter) bool {
	for _, c := range e.calls {
		if c.Began.After(x.failedAt().Add(instant)) { // it is told to the millisecond
			for i, y := range c.entries {
				if y == e {
					return c.Messages[i].Flag == 1
				}
			}
		}
	}
	return j.rejoined(e)
}

// has says that a fault of the plan answers with a code, or with its HTTP status.
func (p *Plan) has(code int) bool {
	for _, x := range p.Rules {
		if x.Code == code {
			return true
		}
	}
	return false
}

// rejoined says that one who sent the message was a member of the group more than once.
func (j *judge) rejoined(e *entry) bool {
	for name := range e.callers() {
		n := 0
		for _, worker := range j.members {
			if worker == name {
				n++
			}
		}
		if n > 1 {
			return true
		}
	}
	return false
}
