package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on a terminal, and a line now and then elsewhere; and what is told beside it.
type progress struct {
	out, err io.Writer
	total    int
	began    time.Time
	bar      *progressbar.ProgressBar // nil: none

	mu     sync.Mutex // guards the fields below, and what is written
	worlds int
	said   time.Time // when a line was written last
}

const lineEvery = 10 * time.Second

func newProgress(out, err io.Writer, total int) *progress {
	now := time.Now()
	b := &progress{out: out, err: err, total: total, began: now, said: now}
	if f, ok := err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(err),
			progressbar.OptionSetDescription(described(0)), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("worlds"),
			progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true))
	}
	return b
}

func described(failures int) string { return fmt.Sprintf("worlds, %s", count(failures, "failure")) }

// step counts a world that has been played.
func (b *progress) step(failures int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.worlds++
	if b.bar != nil {
		b.bar.Describe(described(failures))
		_ = b.bar.Add(1) // it fails if it can't be drawn
		return
	}
	if time.Since(b.said) >= lineEvery {
		b.said = time.Now()
		fmt.Fprintf(b.err, "%d of %d worlds, %.1f worlds/s, %s\n", b.worlds, b.total, b.rate(), count(failures, "failure"))
	}
}

func (b *progress) rate() float64 { return float64(b.worlds) / time.Since(b.began).Seconds() }

// tell writes whole lines that stay.
func (b *progress) tell(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		_ = b.bar.Clear()
	}
	_, _ = io.WriteString(b.out, text)
}

func (b *progress) finish() {
	if b.bar != nil {
		_ = b.bar.Clear()
		_ = b.bar.Exit()
	}
}
