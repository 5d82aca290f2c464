package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// shrinker looks for less of a plan that still breaks the same rule.
type shrinker struct {
	// fails plays what a mask leaves, and says whether, and how, it still fails.
	fails func(mask) (violation, bool)
	runs  int       // at most so many plays of fails
	until time.Time // and none begins after this

	all     sizes
	kept    mask
	told    violation // of the last run that failed
	tried   map[string]bool
	spent   int
	smaller bool // this round has left something out
}

// Bounds of a search.
const (
	shrinkRuns = 120
	shrinkTime = 60 * time.Second
)

// unknown takes the place of sizes that no report has told. What is beyond a plan's end is nothing, and a
// run or two finds that it isn't needed.
var unknown = sizes{Workers: 4, Bursts: 128, Rules: 32, Deeds: 32}

// shrink begins with the whole plan, whose sizes are all, and the violation that it has.
func (s *shrinker) shrink(all sizes, first violation) (mask, violation) {
	if all == (sizes{}) {
		all = unknown
	}
	s.all, s.told, s.tried = all, first, map[string]bool{}
	s.kept = mask{workers: all.Workers, bursts: indices(all.Bursts), rules: indices(all.Rules), deeds: indices(all.Deeds)}
	// At first each list as a whole, then its halves, and so on: what cuts most comes first. When single
	// items are left, another round may do what the one before made possible.
	for share := 1; ; share *= 2 {
		s.smaller = false
		if share == 1 {
			s.fewer()
		}
		largest := 0
		for _, list := range []*[]int{&s.kept.deeds, &s.kept.rules, &s.kept.bursts} {
			size := max((len(*list)+share-1)/share, 1)
			largest = max(largest, size)
			s.thin(list, size)
		}
		if largest > 1 {
			continue
		}
		s.fewer()
		if !s.smaller || s.over() {
			return s.mask(), s.told
		}
	}
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// thin leaves out as many runs of size neighbours of a list of s.kept as can be.
func (s *shrinker) thin(list *[]int, size int) {
	for at := 0; at < len(*list); {
		whole := *list
		*list = slices.Delete(slices.Clone(whole), at, min(at+size, len(whole)))
		if !s.still() {
			*list = whole
			at += size
		}
	}
}

// fewer finds the fewest workers that it takes.
func (s *shrinker) fewer() {
	whole := s.kept.workers
	for n := 1; n < whole; n++ {
		s.kept.workers = n
		if s.still() {
			return
		}
	}
	s.kept.workers = whole
}

// still says whether what is kept fails.
func (s *shrinker) still() bool {
	only := s.mask()
	key := only.String()
	if s.tried[key] || s.over() {
		return false
	}
	s.tried[key] = true
	s.spent++
	v, failed := s.fails(only)
	if failed {
		s.told, s.smaller = v, true
	}
	return failed
}

// mask is what is kept, without the parts of which nothing was left out.
func (s *shrinker) mask() mask {
	m := s.kept
	if m.workers == s.all.Workers {
		m.workers = 0
	}
	if len(m.bursts) == s.all.Bursts {
		m.bursts = nil
	}
	if len(m.rules) == s.all.Rules {
		m.rules = nil
	}
	if len(m.deeds) == s.all.Deeds {
		m.deeds = nil
	}
	return m
}

func (s *shrinker) over() bool { return s.spent >= s.runs || time.Now().After(s.until) }

// left says how much of the plan is kept.
func (s *shrinker) left() string {
	return fmt.Sprintf("%s, %s, %s, %s", count(s.kept.workers, "worker"), count(len(s.kept.bursts), "burst"), count(len(s.kept.rules), "rule"), count(len(s.kept.deeds), "deed"))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprint(n, " ", what)
}

// repeats is how many of times plays of a world break a rule.
func (p *player) repeats(ctx context.Context, seed uint64, times int, rule string) (n int, err error) {
	for r, err := range p.play(ctx, order{seed: seed, worlds: 1, times: times}) {
		if err != nil {
			return n, err
		}
		if _, broken := r.of(rule); broken {
			n++
		}
	}
	return n, nil
}

// candidateTimes is how often a smaller plan may try to fail: not all do each time.
const candidateTimes = 3

// breaks plays what a mask leaves of a world, and says how it breaks the rule.
func (p *player) breaks(ctx context.Context, seed uint64, only mask, rule string) (violation, bool, error) {
	for r, err := range p.play(ctx, order{seed: seed, worlds: 1, times: candidateTimes, only: only}) {
		if err != nil {
			return violation{}, false, err
		}
		if v, broken := r.of(rule); broken {
			return v, true, nil
		}
	}
	return violation{}, false, nil
}
