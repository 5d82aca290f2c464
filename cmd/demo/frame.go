package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sample is the numbers of one moment.
type sample struct {
	at                                     time.Time
	published, settled, shown, calls, sent int64
}

func (s *stage) sample() sample {
	_, calls, sent := s.ledger.read()
	return sample{
		at: time.Now(), published: s.producer.records.Load(), settled: s.settled(),
		shown: s.sim.Stats().Shown, calls: calls, sent: sent,
	}
}

// inside is what the workers hold at the moment.
type inside struct {
	waiting, inFlight, troubled int
	states                      []string
	idle                        []string // those of workers that can't do their work, and why
}

func (s *stage) inside() (in inside, news string) {
	members, news := s.crew.present()
	for _, w := range members {
		stats := w.relay.Stats()
		in.waiting += stats.Batcher.Events
		in.inFlight += stats.Batcher.InFlight
		in.troubled += stats.Batcher.Troubled
		state := w.name + " works"
		if err := w.relay.Ready(); err != nil {
			state = w.name + ": " + err.Error()
			in.idle = append(in.idle, state)
		}
		in.states = append(in.states, state)
	}
	return in, news
}

// frame is the live view, line by line; was is an earlier moment, for the rates.
func (s *stage) frame(now, was sample) []string {
	in, news := s.inside()
	verdicts, reasons := s.tally.read()
	lines := []string{
		strings.TrimSpace("roomrelay demo  " + short(now.at.Sub(s.began)) + "  " + s.actName()),
		row("published", grouped(now.published)+s.ofTotal(), rate(now.published, was.published, now, was)),
		row("delivered", grouped(now.shown), rate(now.shown, was.shown, now, was)),
		row("letters", grouped(s.tally.letters.Load()), reasons),
		row("API calls", grouped(now.calls), rate(now.calls, was.calls, now, was)+fmt.Sprintf("  %.1f messages a call", ratio(now.sent, now.calls))),
		row("verdicts", verdicts, ""),
		row("held", grouped(int64(in.waiting)), fmt.Sprintf("in flight %d  rooms in trouble %d", in.inFlight, in.troubled)),
		row("wait", "p50 "+short(s.tally.wait(0.5)), "p99 "+short(s.tally.wait(0.99))),
	}
	for i, state := range in.states {
		title := ""
		if i == 0 {
			title = "workers"
		}
		lines = append(lines, row(title, state, ""))
	}
	if s.options.workers > 1 {
		lines = append(lines, row("", news, ""))
	}
	return lines
}

func (s *stage) actName() string {
	if name := *s.act.Load(); name != "" {
		return "now: " + name
	}
	return ""
}

func (s *stage) ofTotal() string {
	if total := s.producer.total.Load(); total > 0 {
		return " of " + grouped(total)
	}
	return ""
}

// brief is the live view in one line, for where nothing can be drawn again.
func (s *stage) brief(now, was sample) string {
	in, _ := s.inside()
	parts := []string{fmt.Sprintf("%s published %d delivered %d letters %d calls %d (%s, %.1f messages each) held %d",
		short(now.at.Sub(s.began)), now.published, now.shown, s.tally.letters.Load(), now.calls,
		rate(now.calls, was.calls, now, was), ratio(now.sent, now.calls), in.waiting)}
	if name := s.actName(); name != "" {
		parts = append(parts, name)
	}
	return strings.Join(append(parts, in.idle...), "  ")
}

// read is the verdicts and the reasons of letters with their counts, the most frequent first.
func (t *tally) read() (verdicts, reasons string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return counted(t.verdicts), counted(t.reasons)
}

func counted(counts map[string]int) string {
	var b strings.Builder
	for i, name := range byCount(counts) {
		if i > 0 {
			b.WriteString("  ")
		}
		fmt.Fprintf(&b, "%s %s", name, grouped(int64(counts[name])))
	}
	return b.String()
}

func row(title, value, rest string) string {
	return strings.TrimRight(fmt.Sprintf("  %-10s %-18s  %s", title, value, rest), " ")
}

func rate(now, was int64, at, before sample) string {
	seconds := at.at.Sub(before.at).Seconds()
	if seconds <= 0 {
		return "0/s"
	}
	return fmt.Sprintf("%.0f/s", float64(now-was)/seconds)
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// grouped writes n with a comma between thousands.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// short writes a time as exactly as anybody reads it.
func short(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
}
