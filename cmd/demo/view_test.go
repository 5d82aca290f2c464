package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// terminal is what a terminal shows after what was written to it: as much of one as the view uses.
type terminal struct {
	width, height int
	lines         []string // from the top of all that was ever shown
	row           int
}

func (t *terminal) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		switch {
		case strings.HasPrefix(text, "\x1b["):
			end := strings.IndexAny(text, "AJ")
			if text[end] == 'A' {
				n := 0
				for _, r := range text[2:end] {
					n = n*10 + int(r-'0')
				}
				// The cursor stops at the top of what can be seen.
				t.row = max(t.row-n, len(t.lines)-t.height, 0)
			} else {
				t.lines = append(t.lines[:t.row], "")
			}
			text = text[end+1:]
		case text[0] == '\r':
			text = text[1:]
		case text[0] == '\n':
			t.row++
			for len(t.lines) <= t.row {
				t.lines = append(t.lines, "")
			}
			text = text[1:]
		default:
			for len(t.lines) <= t.row {
				t.lines = append(t.lines, "")
			}
			if len(t.lines[t.row]) == t.width { // a full line goes on below
				t.row++
				t.lines = append(t.lines, "")
			}
			t.lines[t.row] += text[:1]
			text = text[1:]
		}
	}
	return len(p), nil
}

func TestTheViewIsDrawnInPlaceWhateverTheSize(t *testing.T) {
	for _, c := range []struct {
		name          string
		width, height int
		first, second []string
		want          []string
	}{
		{"roomy", 80, 24, []string{"a", "b"}, []string{"c", "d"}, []string{"c", "d", ""}},
		{"fewer lines", 80, 24, []string{"a", "b", "c"}, []string{"d"}, []string{"d", ""}},
		{"more lines", 80, 24, []string{"a"}, []string{"b", "c"}, []string{"b", "c", ""}},
		{"narrow", 5, 24, []string{"abcdefgh", "ijklmnop"}, []string{"qrstuvwx", "yz"}, []string{"qrst", "yz", ""}},
		{"flat", 80, 3, []string{"a", "b", "c", "d"}, []string{"e", "f", "g", "h"}, []string{"e", "f", ""}},
		{"an error of two lines", 80, 24, []string{"a\nb"}, []string{"c\nd"}, []string{"c", ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			shown := &terminal{width: c.width, height: c.height}
			s := &screen{out: shown, size: func() (int, int) { return c.width, c.height }}
			s.draw(c.first)
			s.draw(c.second)
			if !slices.Equal(shown.lines, c.want) {
				t.Errorf("shows %q, want %q", shown.lines, c.want)
			}
		})
	}
}

func TestAWaitIsToldNoShorterThanItWasAndNearlyRight(t *testing.T) {
	for ms := range int64(100_000) {
		wait := time.Duration(ms) * time.Millisecond
		if got := top(stepOf(wait)); got < wait || got > wait+wait/4+time.Millisecond {
			t.Fatalf("%v is told as %v", wait, got)
		}
	}
}

func TestThePercentilesOfWaits(t *testing.T) {
	x := newTally()
	if got := x.wait(0.5); got != 0 {
		t.Errorf("nothing was delivered, but half of it within %v", got)
	}
	for range 98 {
		x.Delivered(3 * time.Millisecond)
	}
	x.Delivered(time.Second)
	x.Delivered(1000 * time.Hour)
	if got := x.wait(0.5); got != 3*time.Millisecond {
		t.Errorf("half are delivered within %v, want 3ms", got)
	}
	if got := x.wait(0.985); got < time.Second || got > 1250*time.Millisecond {
		t.Errorf("98.5 of a hundred are delivered within %v, want about 1s", got)
	}
	if got := x.wait(0.995); got < time.Hour {
		t.Errorf("the longest wait is told as %v", got)
	}
}

func TestNumbersAreReadable(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 155447: "155,447", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is written %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 ms", 1500 * time.Millisecond: "1.5 s", 61 * time.Second: "1 min 1 s"} {
		if got := short(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}
