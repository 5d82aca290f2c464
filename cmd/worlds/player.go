package main

import (
	"context"
	"fmt"
	"iter"
	"os/exec"
	"strconv"
	"time"
)

// order is what is to be played: a row of worlds once each, or one world several times.
type order struct {
	seed   uint64
	worlds int
	times  int
	only   mask
}

func (o order) args() []string {
	args := []string{
		"-test.run", "^TestWorlds$", "-test.timeout", "0",
		"-seed", strconv.FormatUint(o.seed, 10), "-worlds", strconv.Itoa(o.worlds), "-times", strconv.Itoa(o.times),
	}
	if only := o.only.String(); only != "" {
		args = append(args, "-only", only)
	}
	return args
}

// after is what is left of the order after n plays.
func (o order) after(n int) order {
	if o.worlds == 1 {
		o.times -= n
		return o
	}
	o.seed += uint64(n)
	o.worlds -= n
	return o
}

func (o order) done() bool { return o.worlds <= 0 || o.times <= 0 }

// player has orders played by test processes.
type player struct {
	command func(args ...string) *exec.Cmd // makes the test process
	dir     string                         // in which tests run
	reports string                         // directory for reports on their way
	// late fires when a world that has begun takes too long.
	late func(seed uint64) <-chan time.Time
}

// within bounds the real time of a world.
func within(limit time.Duration) func(uint64) <-chan time.Time {
	return func(uint64) <-chan time.Time { return time.After(limit) }
}

// lookEvery is how often new reports are looked for: a world takes some tens of milliseconds.
const lookEvery = 20 * time.Millisecond

// play is a report for each play of an order, in their order. Where a process dies or stands still, the
// next one goes on after the world that it died of. The sequence ends early with an error, and without one
// when ctx is done.
func (p *player) play(ctx context.Context, o order) iter.Seq2[report, error] {
	return func(yield func(report, error) bool) {
		for !o.done() && ctx.Err() == nil {
			s := &session{player: p, order: o, yield: yield}
			if !s.run(ctx) {
				return
			}
			o = o.after(s.played)
		}
	}
}

// session is one process's share of an order.
type session struct {
	*player
	order  order
	yield  func(report, error) bool
	x      *process
	played int
	at     uint64  // the seed of the last report
	begun  *report // the world that is being played
	last   *report // the last whole report, held until it is known that nothing of its world dies later
}

// run plays until the process ends, and says whether more is wanted.
func (s *session) run(ctx context.Context) bool {
	var err error
	if s.x, err = launch(s.command, s.dir, s.reports, s.order); err != nil {
		return s.fail(err)
	}
	defer s.x.end()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	late, isLate := s.late(s.order.seed), false
	for {
		select {
		case <-ctx.Done():
			return false
		case <-s.x.ended:
		case <-late:
			isLate = true
		case <-look.C:
		}
		over := s.x.over() // before the last reports are read, not after
		news, more := s.read()
		switch {
		case !more:
			return false
		case over:
			return s.bury()
		case news > 0: // time may have passed since, while somebody looked at a report
			late, isLate = s.late(s.at), false
		case isLate:
			return s.stuck()
		}
	}
}

// read takes what has been reported, and says how much that was.
func (s *session) read() (news int, more bool) {
	all, err := s.x.news()
	for _, r := range all {
		s.at = r.Seed
		if r.Begun {
			if !s.next(r) {
				return 0, false
			}
		} else {
			s.begun, s.last = nil, &r
			s.played++
		}
	}
	if err != nil {
		return 0, s.fail(err)
	}
	return len(all), true
}

// next begins a world. One that gave up, as tests do, made no report; what it said isn't known before the
// process ends.
func (s *session) next(r report) bool {
	if s.begun != nil && !s.blame(violation{Rule: ruleCrash, Words: "the world ended without a report"}) {
		return false
	}
	s.begun = &r
	return s.flush()
}

// flush hands on the report that was held.
func (s *session) flush() bool {
	r := s.last
	s.last = nil
	return r == nil || s.yield(*r, nil)
}

// fail ends the sequence.
func (s *session) fail(err error) bool {
	if s.flush() {
		s.yield(report{}, err)
	}
	return false
}

// bury sees what the process that has ended died of, and whose death it was.
func (s *session) bury() bool {
	text := s.x.output.String()
	v := violation{Rule: ruleCrash, Words: death(text), History: excerpt(text)}
	switch {
	case v.Words == raceBegins:
		v.Rule = ruleRace
	case v.Words == "" && s.x.err != nil:
		v.Words = s.x.err.Error()
	case v.Words == "":
		v.Words = "the process ended before its time"
	}
	switch {
	case s.begun != nil:
		return s.blame(v)
	case s.x.orderly() && s.played > 0:
	case s.last != nil: // something of it outlived its report
		s.last.Violations = append(s.last.Violations, v)
	default:
		return s.fail(fmt.Errorf("playing seed %d: no world began: %s\n%s", s.order.seed, v.Words, v.History))
	}
	return s.flush()
}

// stuck counts the world that doesn't end, and ends it.
func (s *session) stuck() bool {
	s.x.dump()
	v := violation{Rule: ruleHang, Words: "the world didn't come to its end", History: excerpt(s.x.output.String())}
	if s.begun == nil && s.last != nil {
		s.last.Violations = append(s.last.Violations, v)
		return s.flush()
	}
	if s.begun == nil {
		s.begun = &report{Seed: s.order.seed}
	}
	return s.blame(v)
}

// blame makes a report for the world that is being played and will not make one.
func (s *session) blame(v violation) bool {
	if !s.flush() {
		return false
	}
	s.played++
	return s.yield(report{Seed: s.begun.Seed, Sizes: s.begun.Sizes, Violations: []violation{v}, cut: true}, nil)
}
