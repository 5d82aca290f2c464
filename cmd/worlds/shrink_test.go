package main

import (
	"slices"
	"testing"
	"time"
)

func TestShrinkingFindsTheLeastThatFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		all   sizes
		fails func(mask) bool
		want  string
		most  int // runs
	}{
		{
			"two deeds and two bursts far apart",
			sizes{3, 40, 5, 8},
			func(m mask) bool {
				return has(m.deeds, 1) && has(m.deeds, 6) && has(m.bursts, 7) && has(m.bursts, 33)
			},
			"workers=1;bursts=7,33;rules=;deeds=1,6", 70,
		},
		{"whatever is played", sizes{4, 100, 9, 20}, func(mask) bool { return true }, "workers=1;bursts=;rules=;deeds=", 5},
		{
			"what needs a second worker and neighbours",
			sizes{2, 20, 0, 3},
			func(m mask) bool {
				return m.workers == 0 && has(m.bursts, 4) && has(m.bursts, 5) && has(m.bursts, 6)
			},
			"bursts=4-6;deeds=", 50,
		},
		{
			"workers that aren't needed once a deed is gone",
			sizes{3, 2, 2, 4},
			func(m mask) bool { return has(m.rules, 1) && (m.workers == 0 || !has(m.deeds, 3)) },
			"workers=1;bursts=;rules=1;deeds=", 30,
		},
		{"sizes that nobody knows", sizes{}, func(m mask) bool { return has(m.deeds, 3) }, "workers=1;bursts=;rules=;deeds=3", 30},
	} {
		s := &shrinker{runs: 1000, until: time.Now().Add(time.Hour)}
		s.fails = func(m mask) (violation, bool) { return violation{Words: m.String()}, c.fails(m) }
		least, told := s.shrink(c.all, violation{})
		if least.String() != c.want || told.Words != c.want || s.spent > c.most {
			t.Errorf("%s: %q, told of %q, in %d runs; want %q in %d", c.name, least, told.Words, s.spent, c.want, c.most)
		}
	}
}

// has says whether a list of a mask keeps an item.
func has(kept []int, item int) bool { return kept == nil || slices.Contains(kept, item) }

func TestShrinkingKeepsWithinItsBounds(t *testing.T) {
	s := &shrinker{runs: 7, until: time.Now().Add(time.Hour)}
	s.fails = func(m mask) (violation, bool) { return violation{}, has(m.bursts, 3) && has(m.bursts, 90) }
	least, _ := s.shrink(sizes{Workers: 1, Bursts: 100, Deeds: 3}, violation{})
	if s.spent != 7 || !has(least.bursts, 90) || has(least.deeds, 0) {
		t.Errorf("%d runs, %v", s.spent, least)
	}
	s = &shrinker{runs: 7, until: time.Now().Add(-time.Second)}
	least, told := s.shrink(sizes{Workers: 3, Bursts: 100}, violation{Rule: "I1"})
	if s.spent != 0 || least.String() != "" || told.Rule != "I1" {
		t.Errorf("%d runs, %v", s.spent, least)
	}
}

func TestAMaskSaysWhatIsKept(t *testing.T) {
	for want, m := range map[string]mask{
		"":                                      {},
		"workers=1;bursts=0,3-5;rules=;deeds=2": {workers: 1, bursts: []int{0, 3, 4, 5}, rules: []int{}, deeds: []int{2}},
		"deeds=0-1,7,9-11":                      {deeds: []int{0, 1, 7, 9, 10, 11}},
	} {
		if got := m.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
