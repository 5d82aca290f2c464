package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// screen draws lines in the same place again and again. It changes no mode of the terminal, so there is
// nothing to restore however the demo ends.
type screen struct {
	out   io.Writer
	size  func() (width, height int)
	drawn int // lines of the last drawing
}

// draw takes the place of what was drawn before.
func (s *screen) draw(lines []string) {
	width, height := s.size()
	if len(lines) >= height {
		lines = lines[:max(height-1, 1)] // what has scrolled away couldn't be drawn over
	}
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", min(s.drawn, height-1))
	}
	b.WriteString("\r\x1b[J")
	for _, l := range lines {
		b.WriteString(cut(l, width-1)) // in the last column some terminals go to the next line
		b.WriteByte('\n')
	}
	s.drawn = len(lines)
	_, _ = io.WriteString(s.out, b.String())
}

// cut shortens a line to width columns. The view's own words are ASCII; the few signs beyond that which an
// error may hold count as one column each.
func cut(line string, width int) string {
	n := 0
	for i, r := range line {
		if n == width {
			return line[:i]
		}
		if r < ' ' {
			return line[:i]
		}
		n++
	}
	return line
}

// How often the view is new: redrawn fast enough to look alive, written rarely enough to be read later.
const (
	drawEvery  = 200 * time.Millisecond
	writeEvery = 3 * time.Second
	ratesOver  = 2 * time.Second
)

// watch shows the run on out until ctx ends, which it shows once more.
func (s *stage) watch(ctx context.Context, out *os.File) {
	if term.IsTerminal(int(out.Fd())) {
		s.redraw(ctx, &screen{out: out, size: func() (int, int) {
			width, height, err := term.GetSize(int(out.Fd()))
			if err != nil || width <= 0 || height <= 0 {
				return 80, 24
			}
			return width, height
		}})
		return
	}
	was := s.sample()
	tick := time.NewTicker(writeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := s.sample()
		_, _ = fmt.Fprintln(out, s.brief(now, was))
		was = now
	}
}

func (s *stage) redraw(ctx context.Context, to *screen) {
	samples := []sample{s.sample()}
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		now := s.sample()
		samples = append(samples, now)
		for len(samples) > 2 && now.at.Sub(samples[1].at) > ratesOver {
			samples = samples[1:]
		}
		to.draw(s.frame(now, samples[0]))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
