package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// played is what an order has come to: "1 2:I5 3".
func played(t *testing.T, p *player, o order) (string, []report, error) {
	t.Helper()
	var words []string
	var all []report
	for r, err := range p.play(t.Context(), o) {
		if err != nil {
			return strings.Join(words, " "), all, err
		}
		word := fmt.Sprint(r.Seed)
		for _, v := range r.Violations {
			word += ":" + v.Rule
		}
		words, all = append(words, word), append(all, r)
	}
	left, err := os.ReadDir(p.reports)
	if err != nil || len(left) > 0 {
		t.Errorf("reports were left behind: %v %v", left, err)
	}
	return strings.Join(words, " "), all, nil
}

func TestADeathIsTheFailureOfTheWorldThatWasPlayedAndTheNextProcessGoesOn(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct{ want, words, history string }{
		"panic":     {"5 6:crash 7", "panic: it can't be", "panic: it can't be\n"},
		"race":      {"5 6:race 7", raceBegins, raceBegins},
		"gone":      {"5 6:crash 7", "the process ended before its time", ""},
		"quiet":     {"5 6:crash 7", "the world ended without a report", ""},
		"afterlife": {"5 6:crash 7", "panic: something was left", "goroutine 1 [running]"},
		"deed 2":    {"5 6:I5 7", "sent again", "of "},
	} {
		got, all, err := played(t, newStubPlayer(t, "6="+what), order{seed: 5, worlds: 3, times: 1})
		if err != nil || got != c.want {
			t.Errorf("%s: %q %v, want %q", what, got, err, c.want)
			continue
		}
		if v := all[1].Violations[0]; v.Words != c.words || !strings.HasPrefix(v.History, c.history) && !strings.Contains(v.History, c.history) {
			t.Errorf("%s: %+v", what, v)
		}
		if whole := what == "afterlife" || what == "deed 2"; all[1].cut == whole || all[1].Sizes != stubSizes {
			t.Errorf("%s: %+v", what, all[1])
		}
	}
}

func TestAWorldThatStandsStillIsEndedWithADumpAndCountsAsHanging(t *testing.T) {
	t.Parallel()
	p := newStubPlayer(t, "6=hang")
	p.late = atOnce(6)
	got, all, err := played(t, p, order{seed: 5, worlds: 4, times: 1})
	if err != nil || got != "5 6:hang 7 8" {
		t.Fatalf("%q %v", got, err)
	}
	if v := all[1].Violations[0]; !strings.Contains(v.History, "SIGQUIT") || !strings.Contains(v.History, "goroutine 1 ") {
		t.Errorf("it doesn't say where the goroutines are: %s", v.History)
	}
}

func TestAWorldThatDiesEachTimeIsPlayedAsOftenAsItIsToBe(t *testing.T) {
	t.Parallel()
	got, _, err := played(t, newStubPlayer(t, "6=panic"), order{seed: 6, worlds: 1, times: 3})
	if err != nil || got != "6:crash 6:crash 6:crash" {
		t.Errorf("%q %v", got, err)
	}
}

func TestAProcessThatBeginsNoWorldIsAnErrorAndNoFailure(t *testing.T) {
	t.Parallel()
	got, _, err := played(t, newStubPlayer(t, "6=never"), order{seed: 5, worlds: 3, times: 1})
	if got != "5" || err == nil || !strings.Contains(err.Error(), "seed 6") || !strings.Contains(err.Error(), "it won't begin") {
		t.Errorf("%q %v", got, err)
	}
}

func TestACrowdPlaysEachSeedOnceWhateverDies(t *testing.T) {
	t.Parallel()
	p := newStubPlayer(t, "104=panic,110=gone,111=deed 2")
	var mu sync.Mutex // guards seeds
	var seeds []uint64
	err := p.crowd(t.Context(), 3, chunks(100, 23, chunkSize(23, 3)*4), func(r report) bool {
		mu.Lock()
		defer mu.Unlock()
		seeds = append(seeds, r.Seed)
		return true
	})
	slices.Sort(seeds)
	if err != nil || len(seeds) != 23 || seeds[0] != 100 || seeds[22] != 122 || len(slices.Compact(seeds)) != 23 {
		t.Errorf("%v %v", seeds, err)
	}
}

func TestACrowdEndsWithItsFirstErrorAndWhenItIsToldTo(t *testing.T) {
	t.Parallel()
	p := newStubPlayer(t, "3=never,5=hang")
	if err := p.crowd(t.Context(), 2, chunks(1, 5, 1), func(report) bool { return true }); err == nil {
		t.Error("an error was lost")
	}
	p = newStubPlayer(t, "2=hang")
	ctx, stop := context.WithCancel(t.Context())
	err := p.crowd(ctx, 1, chunks(1, 3, 3), func(r report) bool { stop(); return true })
	if err != nil {
		t.Error(err)
	}
}
