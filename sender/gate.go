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
	Why   string    // for a person; "" while all is well
}

// Gate says whether a call may begin now. It changes nothing: a call begins with Next.
func (s *Sender) Gate(now time.Time) Gate {
	if until, held := s.penalty.holds(now); held {
		return Gate{Shut, until, penaltyWhy}
	}
	at, why := time.Time{}, ""
	if s.breaker.open {
		at, why = s.breaker.next, breakerWhy
	}
	if s.setup.why != "" {
		at, why = latest(at, s.setup.next), s.setup.why
	}
	free, never := s.quota.free(now)
	if never || why != "" && s.probing {
		return Gate{Shut, time.Time{}, why}
	}
	if at = latest(at, free); at.After(now) {
		return Gate{Shut, at, why}
	}
	if why != "" {
		return Gate{Mode: Probing, Why: why}
	}
	return Gate{Mode: Open}
}

// halted says that sending is stopped but for probes.
func (s *Sender) halted() bool { return s.breaker.open || s.setup.why != "" }

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
