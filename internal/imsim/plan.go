package imsim

import (
	"slices"
	"sync/atomic"
	"time"
)

// plan is Faults made ready: what it was made from doesn't change any more.
type plan struct {
	faults *Faults
	began  time.Time
	rules  []armed
}

type armed struct {
	*Rule
	name string
	salt uint64       // for what is by hash: the same for rules of the same name
	luck uint64       // for what is by chance: each rule has its own
	held atomic.Int64 // calls for which it would have held, or has; for Skip and Count
}

func arm(f *Faults, seed uint64, now time.Time) *plan {
	own := &Faults{NeverHad: f.NeverHad, Repeat: f.Repeat, Rules: slices.Clone(f.Rules)}
	p := &plan{faults: own, began: now, rules: make([]armed, len(own.Rules))}
	for i := range own.Rules {
		r := &own.Rules[i]
		p.rules[i].Rule, p.rules[i].salt = r, r.salt(seed)
		p.rules[i].luck = mix(p.rules[i].salt + uint64(i))
		if p.rules[i].name = r.Name; r.Name == "" {
			p.rules[i].name = string(r.Do)
		}
	}
	return p
}

// turn is what a call has in store. The zero value: the true answer at once.
type turn struct {
	dice     dice
	replace  *armed // takes the place of the answer; nil: none
	poison   *armed
	poisoned *message
	first    time.Duration // waited before the messages are taken
	wait     time.Duration // waited after that
	late     bool          // the messages are taken after wait too
	slow     time.Duration // the body is spread over this
	asText   bool          // the lists are strings
	bare     bool          // no success
	codeText bool
	shuffle  bool
	both     bool // what is in success is in fail, too
}

// soon bounds the part of a wait that comes before the messages are taken. A client that has gone away
// after its time-out may rely on them being taken by then, or never; only Rule.Late is later.
const soon = time.Second

// turnOf decides what becomes of the call, and marks the messages that rules are about.
func (s *Sim) turnOf(c *call, p *plan) (t turn) {
	if p == nil && !s.cfg.Latency.chancy() {
		t.split(s.cfg.Latency.Fixed)
		return t
	}
	t.dice = diceOf(s.cfg.Seed, c.room, s.rooms.turn(c.room))
	total := s.cfg.Latency.at(t.dice.of(1), t.dice.of(2))
	if p != nil {
		for i := range p.rules {
			r := &p.rules[i]
			if t.replace != nil && r.replaces() {
				continue // only the first counts, and the others don't use up their Count
			}
			if r.holds(c, t.dice, c.began.Sub(p.began)) {
				total += t.add(c, r)
			}
		}
	}
	t.split(total)
	return t
}

// split lets the messages be taken in the middle of the wait: calls that overlap in time then may pass one
// another, before and after.
func (t *turn) split(total time.Duration) {
	t.first = min(total/2, soon)
	t.wait = total - t.first
}

// holds says that the rule is about this call, and counts it.
func (r *armed) holds(c *call, d dice, since time.Duration) bool {
	switch {
	case since < r.From || r.Until != 0 && since >= r.Until,
		len(r.Rooms) > 0 && !slices.Contains(r.Rooms, c.room),
		r.RoomShare > 0 && unit(mix(r.salt^mix(uint64(c.room)))) >= r.RoomShare,
		len(r.Senders) > 0 && !slices.Contains(r.Senders, string(c.sender)),
		r.Chance > 0 && d.of(r.luck) >= r.Chance,
		(len(r.Messages) > 0 || r.Share > 0) && !r.meets(c, d):
		return false
	}
	if r.Skip == 0 && r.Count == 0 {
		return true
	}
	n := int(r.held.Add(1))
	return n > r.Skip && (r.Count == 0 || n <= r.Skip+r.Count)
}

// meets says that a message of the call is one that the rule is about.
func (r *armed) meets(c *call, d dice) bool {
	for i := range c.messages {
		if r.about(&c.messages[i], d) {
			return true
		}
	}
	return false
}

// about says that the rule is about the message.
func (r *armed) about(m *message, d dice) bool {
	if len(r.Messages) > 0 && !slices.Contains(r.Messages, string(m.id)) {
		return false
	}
	switch {
	case r.Share == 0 || !r.picks():
		return true
	case r.Do == DoLeaveOut: // another choice at each call: for good, a message could never be told of
		return unit(mix(uint64(d)^r.luck^m.hash)) < r.Share
	default: // as Rule.Picks
		return unit(mix(hashOf(r.salt, m.id))) < r.Share
	}
}

// add lets the rule have its part of the call; it returns what it adds to the wait.
func (t *turn) add(c *call, r *armed) time.Duration {
	switch r.Do {
	case DoLatency:
		t.late = t.late || r.Late
		return r.Latency.at(t.dice.of(r.luck+1), t.dice.of(r.luck+2))
	case DoSlow:
		t.slow += r.Delay
		return 0
	case DoStrings:
		t.asText = true
	case DoNoSuccess:
		t.bare = true
	case DoCodeString:
		t.codeText = true
	case DoShuffle:
		t.shuffle = true
	case DoBoth:
		t.both = true
	case DoLeaveOut, DoRefuse, DoPoison:
		t.mark(c, r)
	default:
		t.replace = r
		t.late = t.late || r.Late
	}
	return r.Delay
}

// mark marks the messages that the rule is about.
func (t *turn) mark(c *call, r *armed) {
	for i := range c.messages {
		m := &c.messages[i]
		if m.verdict != shown || m.hidden || !r.about(m, t.dice) {
			continue
		}
		switch r.Do {
		case DoRefuse:
			m.verdict, m.reason = fault, fill(r.Reason, ReasonRefuse, m)
		case DoPoison:
			if t.poison == nil {
				t.poison, t.poisoned = r, m
			}
		case DoLeaveOut:
			m.hidden = true
			if !r.Taken {
				m.verdict = passed
			}
		}
	}
}
