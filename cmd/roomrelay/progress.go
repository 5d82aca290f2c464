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

// progress is a bar on a terminal, and nothing elsewhere; and the messages beside it.
type progress struct {
	out io.Writer
	bar *progressbar.ProgressBar // nil: none

	mu    sync.Mutex // guards told
	told  int
	muted int
}

// mostTold is how many messages are shown: a file of another kind would make one of each line.
const mostTold = 20

func isTerminal(x any) bool {
	f, ok := x.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// progress of reading size bytes; -1: not known.
func (p *program) progress(size int64) *progress {
	b := &progress{out: p.err}
	if size < 0 || !isTerminal(p.err) {
		return b
	}
	b.bar = progressbar.NewOptions64(size, progressbar.OptionSetWriter(p.err),
		progressbar.OptionSetDescription("publishing"), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(true))
	return b
}

// counter is a bar over total things, with their pace and the time that is left.
func (p *program) counter(name string, total int) *progress {
	b := &progress{out: p.err}
	if !isTerminal(p.err) {
		return b
	}
	b.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.err), progressbar.OptionSetDescription(name),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionFullWidth(), progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true), progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true))
	_ = b.bar.RenderBlank()
	return b
}

// set moves the bar to where it should be.
func (b *progress) set(n int) {
	if b.bar != nil {
		_ = b.bar.Set(n)
	}
}

// name says what goes on now.
func (b *progress) name(text string) {
	if b.bar != nil {
		b.bar.Describe(text)
	}
}

// reader moves the bar as it is read.
func (b *progress) reader(in io.Reader) io.Reader {
	if b.bar == nil {
		return in
	}
	return io.TeeReader(in, b.bar)
}

func (b *progress) tell(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.told++; b.told > mostTold {
		b.muted++
		return
	}
	if b.bar != nil {
		_ = b.bar.Clear()
	}
	fmt.Fprintf(b.out, format+"\n", args...)
}

func (b *progress) finish() {
	if b.bar != nil {
		_ = b.bar.Clear()
		_ = b.bar.Exit()
	}
	if b.muted > 0 {
		fmt.Fprintf(b.out, "(and %d more messages like these)\n", b.muted)
	}
}
