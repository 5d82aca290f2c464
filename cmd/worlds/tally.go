package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// tally adds up what worlds report.
type tally struct {
	worlds       int // that came to their end
	worldSeconds float64
	events       int
	calls        int
	sizes        sizes
	seen         map[string]*sighting
}

// sighting is in how many worlds something was seen, and how often altogether.
type sighting struct{ worlds, times int }

func newTally() *tally { return &tally{seen: map[string]*sighting{}} }

func (t *tally) add(r report) {
	if r.cut {
		return
	}
	t.worlds++
	t.worldSeconds += r.WorldSeconds
	t.events += r.Events
	t.calls += r.Calls
	t.sizes.Workers += r.Sizes.Workers
	t.sizes.Bursts += r.Sizes.Bursts
	t.sizes.Rules += r.Sizes.Rules
	t.sizes.Deeds += r.Sizes.Deeds
	for name, n := range r.Seen {
		if n == 0 {
			continue
		}
		if t.seen[name] == nil {
			t.seen[name] = &sighting{}
		}
		t.seen[name].worlds++
		t.seen[name].times += n
	}
}

// writeAverages says what a world was like. Its faults are the rules by which its API misbehaves, and the
// deeds that befall workers and brokers.
func (t *tally) writeAverages(out io.Writer) {
	if t.worlds == 0 {
		return
	}
	a := func(n int) float64 { return float64(n) / float64(t.worlds) }
	fmt.Fprintf(out, "a world on average: %.1f s, %.1f events in %.1f bursts, %.1f calls, %.1f workers, %.1f faults (%.1f rules, %.1f deeds)\n",
		t.worldSeconds/float64(t.worlds), a(t.events), a(t.sizes.Bursts), a(t.calls), a(t.sizes.Workers), a(t.sizes.Rules+t.sizes.Deeds), a(t.sizes.Rules), a(t.sizes.Deeds))
}

// writeCoverage says what was seen, by groups.
func (t *tally) writeCoverage(out io.Writer) {
	if len(t.seen) == 0 {
		return
	}
	names := slices.SortedFunc(maps.Keys(t.seen), func(a, b string) int {
		ga, na := grouped(a)
		gb, nb := grouped(b)
		return cmp.Or(strings.Compare(ga, gb), strings.Compare(na, nb))
	})
	width := len("seen")
	for _, name := range names {
		_, own := grouped(name)
		width = max(width, len(own)+2)
	}
	fmt.Fprintf(out, "%-*s %9s %9s\n", width, "seen", "worlds", "times")
	last := ""
	for _, name := range names {
		group, own := grouped(name)
		if group != last {
			fmt.Fprintln(out, group)
			last = group
		}
		fmt.Fprintf(out, "%-*s %9d %9d\n", width, "  "+own, t.seen[name].worlds, t.seen[name].times)
	}
}

// grouped takes "fault: kill" apart.
func grouped(name string) (group, own string) {
	group, own, found := strings.Cut(name, ": ")
	if !found {
		return "other", name
	}
	return group, own
}
