package main

import (
	"math"
	"testing"
	"time"
)

func TestSharesAreTakenBetweenTheNearestSamples(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	second := time.Second
	w := &watch{samples: []sample{
		{at(0), []time.Duration{0, 0}, 0},
		{at(10), []time.Duration{10 * second, 2 * second}, 10 * second},
		{at(20), []time.Duration{20 * second, 7 * second}, 22 * second},
		{at(30), []time.Duration{20 * second, 7 * second}, 22 * second},
	}}
	l := layout{own: []int{0}, rest: []int{1}}
	// From 10 to 20 core 0 worked for 10 s and core 1 for 5, of which 12 were the run's own.
	if own, rest, foreign := w.shares(l, at(11), at(19)); own != 1 || rest != 0.5 || math.Abs(foreign-0.15) > 1e-9 {
		t.Errorf("%v %v %v", own, rest, foreign)
	}
	if own, rest, _ := w.shares(layout{}, at(11), at(19)); own != 0.75 || rest >= 0 {
		t.Errorf("without cores of its own: %v %v", own, rest)
	}
	if own, _, _ := w.shares(l, at(11), at(12)); own >= 0 {
		t.Errorf("within one sample: %v", own)
	}
	if own, _, _ := (&watch{}).shares(l, at(0), at(1)); own >= 0 {
		t.Errorf("without samples: %v", own)
	}
}

func TestTheTailKeepsWhatIsSaidFirstAndLast(t *testing.T) {
	var c tail
	write := func(text string) {
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"message":"listens","addr":"a:1"}` + "\n")
	for range 10_000 {
		write("something else\n")
	}
	write("the end")
	if got := c.logged("listens", "addr"); got != "a:1" {
		t.Errorf("listens on %q", got)
	}
	if got := c.text(); len(got) > keepLast || got[len(got)-7:] != "the end" {
		t.Errorf("%d bytes, %q", len(got), got)
	}
}
