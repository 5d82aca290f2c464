package chaos

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/world"
)

// lease is what a worker knows of its membership: when it asked what was answered.
type lease struct {
	well    time.Time // the newest heartbeat or SyncGroup that was answered well
	calm    time.Time // likewise, without a rebalance
	joining bool      // between a JoinGroup and the answer to its SyncGroup
	joined  time.Time // when the last JoinGroup was sent
	lapsed  time.Time // until when it had run out last
	wall    time.Time // of well, by the worker's wall clock

	pending time.Time // when the commit was asked for that isn't answered yet; zero: none
	owed    time.Time // likewise of the last one that another followed without an answer
}

// answered looks at an answer of Kafka that a worker has got.
func (j *judge) answered(x *world.Worker, f world.Frame, asked time.Time) {
	key := kmsg.Key(f.Key)
	if key == kmsg.OffsetCommit {
		j.mu.Lock()
		defer j.mu.Unlock()
		if l := &j.conduct(x.Name).lease; l.pending.Equal(asked) {
			l.pending = time.Time{}
		}
		return
	}
	if key != kmsg.Heartbeat && key != kmsg.SyncGroup {
		return
	}
	code, ok := f.Code()
	if !ok {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	l := &j.conduct(x.Name).lease
	if s := &j.run.plan.Setting; time.Since(l.well) > s.Lease || time.Since(l.calm) > s.Rebalance-requestTimeout {
		l.lapsed = time.Now()
	}
	if !asked.Before(l.well) && (code == 0 || code == kerr.RebalanceInProgress.Code && key == kmsg.Heartbeat) {
		l.wall = j.run.wall(x.Name).shows(asked)
	}
	switch {
	case code == 0 && key == kmsg.SyncGroup:
		l.joining = false
		l.well, l.calm = later(l.well, asked), later(l.calm, asked)
	case code == 0:
		l.well = later(l.well, asked)
		if !l.joining || !asked.After(l.joined) { // at one instant, nobody can tell which came first
			l.calm = later(l.calm, asked)
		}
	case code == kerr.RebalanceInProgress.Code && key == kmsg.Heartbeat:
		l.well = later(l.well, asked)
	}
}

// commits notes that a commit is asked for; there is one at a time.
func (l *lease) commits() {
	if !l.pending.IsZero() {
		l.owed = l.pending
	}
	l.pending = time.Now()
}

// owes says that a commit of the worker's wasn't answered: what none before it announced may wait until it can't be
// applied any more.
func (j *judge) owes(worker string) bool {
	const (
		unanswered = 10 * time.Second // CommitPatience, twice
		answer     = time.Second      // in peace one comes sooner
	)
	j.mu.Lock()
	defer j.mu.Unlock()
	l := &j.conduct(worker).lease
	late := time.Since(l.pending)
	return time.Since(l.owed) < unanswered || answer < late && late < unanswered
}

// joins says that the worker has asked to join the group and doesn't know yet what it is assigned.
func (j *judge) joins(worker string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.conduct(worker).lease.joining
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// What may begin.
const (
	aCall   = "a call"
	aWrite  = "to write a part of a call"
	aLetter = "a letter"
)

// written looks at a worker that writes to the API. However long a call took to get so far, and whatever holds it up from
// here on, the worker must have looked at its lease at this very instant.
func (j *judge) written(x *world.Worker) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.leased(j.conduct(x.Name), time.Now(), aWrite)
}

// leased is I3 at its root: nothing begins when the newest heartbeat that was answered well is older than the
// lease, or the newest without a rebalance older than the rebalance time-out leaves room for.
func (j *judge) leased(w *conduct, at time.Time, what string) {
	s, l := &j.run.plan.Setting, &w.lease
	slack := instant
	if what == aLetter || what == aCall && !j.run.hears(w.name) {
		slack = requestTimeout // the worker looked before it asked for metadata, or it was held on its way
	}
	slack += j.run.slack()
	// Of two clocks the one counts that went further: either may have stood still.
	age := at.Sub(l.well)
	if by, ok := j.run.wall(w.name).age(l.wall, at, at.Add(-slack)); ok {
		age = max(age, by)
	}
	if age > s.Lease+slack {
		j.blame("I3", "", "%s begins %s, and the newest heartbeat that was answered well was sent %v ago; its lease is %v", w.name, what, age, s.Lease)
	}
	if age := at.Sub(l.calm); age > s.Rebalance-requestTimeout+slack {
		j.blame("I3", "", "%s begins %s, and the newest heartbeat that was answered without a rebalance was sent %v ago; the rebalance time-out is %v", w.name, what, age, s.Rebalance)
	}
}
