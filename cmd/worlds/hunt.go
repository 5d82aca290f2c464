package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// hunt is worlds that are being played, and what was found in them.
type hunt struct {
	options  runOptions
	kept     []keptSeed
	player   *player
	progress *progress
	stop     func() // no more is played

	mu     sync.Mutex // guards the fields below
	tally  *tally
	failed []uint64
}

// count counts a report, and says whether it is of a failure that is to be told: the first of its seed.
func (h *hunt) count(r report) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tally.add(r)
	fresh := len(r.Violations) > 0 && !slices.Contains(h.failed, r.Seed) && len(h.failed) < h.options.stopAfter
	if fresh {
		h.failed = append(h.failed, r.Seed)
	}
	h.progress.step(len(h.failed))
	if len(h.failed) >= h.options.stopAfter {
		h.stop()
	}
	return fresh
}

// tell tells a failure, and then what it takes.
func (h *hunt) tell(ctx context.Context, r report) {
	b := &strings.Builder{}
	h.head(b, r)
	v, only := r.Violations[0], mask{}
	if h.options.shrink {
		h.progress.tell(b.String()) // the rest may take a minute
		b.Reset()
		fmt.Fprintf(b, "seed %d: ", r.Seed)
		v, only = h.examine(ctx, b, r)
	}
	fmt.Fprintf(b, "%s  again: %s\n", indented(v.History), h.again(r.Seed, only))
	h.progress.tell(b.String())
}

// mostHeads is how many of a world's violations are named: one mistake often breaks many promises.
const mostHeads = 5

// head names a world's violations.
func (h *hunt) head(b *strings.Builder, r report) {
	fmt.Fprintf(b, "seed %d: %s\n", r.Seed, r.Violations[0].headline())
	for i, v := range r.Violations[1:] {
		if i+1 == mostHeads {
			fmt.Fprintf(b, "  and %d more\n", len(r.Violations)-mostHeads)
			break
		}
		fmt.Fprintf(b, "  also %s\n", v.headline())
	}
	if i := slices.IndexFunc(h.kept, func(k keptSeed) bool { return k.seed == r.Seed }); i >= 0 && h.kept[i].found != "" {
		fmt.Fprintf(b, "  it once found: %s\n", h.kept[i].found)
	}
}

// repeatTimes is how often a seed that failed is played to see whether it does so again.
const repeatTimes = 10

// shortHang is the real time after which a smaller plan hangs: many of them are played, and a world that
// doesn't hang takes far less.
const shortHang = 5 * time.Second

// examine sees whether a failure repeats, and shrinks it.
func (h *hunt) examine(ctx context.Context, b *strings.Builder, r report) (violation, mask) {
	p, v := *h.player, r.Violations[0]
	if v.Rule == ruleHang && h.options.limit > shortHang {
		p.late = within(shortHang)
	}
	n, err := p.repeats(ctx, r.Seed, repeatTimes, v.Rule)
	if err = cmp.Or(err, ctx.Err()); err != nil {
		fmt.Fprintf(b, "not played again: %v\n", err)
		return v, mask{}
	}
	fmt.Fprintf(b, "repeats %d of %d times", n, repeatTimes)
	if n < repeatTimes {
		b.WriteString(": the order in which goroutines run isn't drawn from the seed")
	}
	b.WriteString("\n")
	if n == 0 {
		return v, mask{}
	}
	s := &shrinker{runs: shrinkRuns, until: time.Now().Add(shrinkTime)}
	s.fails = func(only mask) (violation, bool) {
		v, broken, err := p.breaks(ctx, r.Seed, only, v.Rule)
		if err = cmp.Or(err, ctx.Err()); err != nil {
			fmt.Fprintf(b, "  not shrunk to the end: %v\n", err)
			s.runs = 0
		}
		return v, broken
	}
	least, told := s.shrink(r.Sizes, v)
	fmt.Fprintf(b, "  after %s there are left: %s\n  %s %s\n", count(s.spent, "smaller plan"), s.left(), told.Rule, told.Words)
	return told, least
}

func indented(text string) string {
	if text = strings.TrimRight(text, "\n"); text == "" {
		return ""
	}
	return "    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n"
}

// again is the command that plays a world again.
func (h *hunt) again(seed uint64, only mask) string {
	var b strings.Builder
	b.WriteString("go test ")
	if h.options.race {
		b.WriteString("-race ")
	}
	if h.options.overlay != "" {
		fmt.Fprintf(&b, "-overlay '%s' ", h.options.overlay)
	}
	fmt.Fprintf(&b, "%s -run '^TestWorlds$' -seed %d -worlds 1", h.options.pkg, seed)
	if text := only.String(); text != "" {
		fmt.Fprintf(&b, " -only '%s'", text)
	}
	return b.String() + " -times 10 -v"
}

// sum tells what the whole hunt has come to.
func (h *hunt) sum() {
	b := &strings.Builder{}
	if h.options.seeds > 0 {
		fmt.Fprintf(b, "seeds %d..%d, ", h.options.from, h.options.from+uint64(h.options.seeds)-1)
	}
	if len(h.kept) > 0 {
		fmt.Fprintf(b, "%s %d times each, ", count(len(h.kept), "kept seed"), h.options.times)
	}
	fmt.Fprintf(b, "%d of %d worlds played, %.1f s, %.1f worlds/s\n", h.progress.worlds, h.progress.total, time.Since(h.progress.began).Seconds(), h.progress.rate())
	h.tally.writeAverages(b)
	if h.options.coverage {
		h.tally.writeCoverage(b)
	}
	if len(h.failed) == 0 {
		b.WriteString("no promise was broken\n")
	} else {
		fmt.Fprintf(b, "%s broke a promise: %s\n", count(len(h.failed), "seed"), strings.Trim(fmt.Sprint(h.failed), "[]"))
	}
	h.progress.tell(b.String())
}
