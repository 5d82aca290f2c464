package sender

import "time"

// Mode is whether a call may begin.
type Mode uint8

const (
	Open    Mode = iota // now
	Probing             // one now, to see whether calls are answered again
	Shut                // none before Gate.Until
)

// Gate is the answer of Sender.Gate.
type Gate struct {
	Mode  Mode
	Until time.Time // of Shut: when to ask again; zero: only an answer or another share changes it
	Cause Cause     // of what holds sending up; Free while all is well
	Why   string    // the same for a person; "" while all is well
}

// Cause is what holds sending up. It is a metric's label, too.
type Cause string

const (
	Free         Cause = ""
	OverQuota    Cause = "quota"   // the API blocks calls after a 416: it passes by itself
	Unresponsive Cause = "breaker" // nobody is answered
	WrongSetUp   Cause = "set-up"  // the worker is set up wrongly
)

// Gate says whether a call may begin now. It changes nothing: a call begins with Next.
func (s *Sender) Gate(now time.Time) Gate {
	if until, held := s.penalty.holds(now); held {
		return Gate{Mode: Shut, Until: until, Cause: OverQuota, Why: penaltyWhy}
	}
	g := Gate{Mode: Open}
	var next time.Time
	if s.breaker.open {
		g = Gate{Mode: Probing, Cause: Unresponsive, Why: breakerWhy}
		next = s.breaker.next
	}
	if s.setup.why != "" {
		g = Gate{Mode: Probing, Cause: WrongSetUp, Why: s.setup.why}
		next = latest(next, s.setup.next)
	}
	free, never := s.quota.free(now)
	if never || g.Mode == Probing && s.probing {
		g.Mode = Shut
		return g
	}
	if next = latest(next, free); next.After(now) {
		g.Mode, g.Until = Shut, next
	}
	return g
}

// halted says that sending is stopped but for probes.
func (s *Sender) halted() bool { return s.breaker.open || s.setup.why != "" }

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
