package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"

	"roomrelay/bench/internal/figures"
)

// report is all that was measured. Lines fit 80 columns.
type report struct {
	Began   time.Time
	Machine string
	Pairs   int
	results []*result
}

func machineText() string {
	text := fmt.Sprintf("%d cores, %s, %s/%s", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if !canPin {
		text += "; processes can't be kept on cores here, nor memory be asked for"
	} else if runtime.NumCPU() < 2 {
		text += "; one core is for all processes together"
	}
	return text
}

func (r *report) head(out io.Writer) {
	fmt.Fprintf(out, "%s\nFigures are medians of %d runs (least to most), ratios those of each pair.\n", r.Machine, r.Pairs)
}

// write ends the report: the table of all scenarios, or everything as JSON.
func (r *report) write(o *options, out io.Writer) error {
	if o.json {
		in := json.NewEncoder(out)
		in.SetIndent("", "  ")
		return in.Encode(r.plain())
	}
	fmt.Fprintf(out, "\n%-13s %9s %6s %9s %8s %7s %7s %6s\n", "", "msgs/s", "a call", "wait p99", "late p99", "CPU s/M", "peak MB", "of (a)")
	for _, x := range r.results {
		if len(x.own) == 0 {
			continue
		}
		wait, late := "-", "-"
		if x.scenario.live() {
			wait, late = number(x.spread(waitP99).Median), number(x.spread(lateP99).Median)
		}
		share := "-"
		if i := x.rivalOf(posts); i >= 0 && len(x.others[i]) > 0 {
			share = fmt.Sprintf("%.2f", x.ratio(perSecond, i).Median)
		}
		fmt.Fprintf(out, "%-13s %9s %6.2f %9s %8s %7s %7s %6s\n", x.scenario.name, number(x.spread(perSecond).Median), x.spread(perCall).Median,
			wait, late, number(x.spread(cpu).Median), known(x.spread(peak).Median), share)
	}
	fmt.Fprintf(out, "Waits in ms. CPU in seconds a million messages. Took %v.\n", time.Since(r.Began).Round(time.Second))
	return nil
}

func (r *report) broken() bool {
	for _, x := range r.results {
		if len(x.broken()) > 0 {
			return true
		}
	}
	return false
}

// write tells a scenario.
func (x *result) write(out io.Writer) {
	s := x.scenario
	fmt.Fprintf(out, "\n%s: %s\n", s.name, s.about)
	if x.skipped != "" {
		fmt.Fprintf(out, "  left out: %s\n", x.skipped)
		return
	}
	if len(x.own) == 0 {
		fmt.Fprintln(out, "  nothing was measured")
		return
	}
	fmt.Fprintf(out, "  messages/s %s   a call %.2f   swapped %d\n", spreadText(x.spread(perSecond)), x.spread(perCall).Median, x.sum(func(o *outcome) int { return o.Swapped }))
	fmt.Fprintf(out, "  CPU %s s/million   peak %s MB%s\n", spreadText(x.spread(cpu)), known(x.spread(peak).Median), x.coreText())
	if s.live() {
		x.writeWaits(out)
	}
	if s.letters {
		fmt.Fprintf(out, "  letters/s %s   letters a run %d\n", spreadText(x.spread(letterRate)), x.own[0].Letters)
	}
	if s.aside && x.own[0].Letters > 0 {
		fmt.Fprintf(out, "  letters a run %d, of other rooms %.0f\n", x.own[0].Letters, x.spread(elsewhere).Most)
	}
	for i, rival := range s.against {
		if len(x.others[i]) > 0 {
			x.writeRival(out, i, &rival)
		}
	}
	for _, a := range s.aims {
		fmt.Fprintf(out, "  %s\n", x.aimText(a))
	}
	for _, text := range x.broken() {
		fmt.Fprintf(out, "  BROKEN: %s\n", text)
	}
	if text := x.bound(); text != "" {
		fmt.Fprintf(out, "  proves nothing: %s\n", text)
	}
}

func (x *result) writeWaits(out io.Writer) {
	wait, late := func(f func(figures.Quantiles) time.Duration) string {
		return number(x.spread(metric{of: func(o *outcome) float64 { return ms(f(o.Wait)) }}).Median)
	}, func(f func(figures.Quantiles) time.Duration) string {
		return number(x.spread(metric{of: func(o *outcome) float64 { return ms(f(o.Late)) }}).Median)
	}
	p50, p99 := func(q figures.Quantiles) time.Duration { return q.P50 }, func(q figures.Quantiles) time.Duration { return q.P99 }
	most := func(q figures.Quantiles) time.Duration { return q.Max }
	fmt.Fprintf(out, "  append to POST  p50 %s  p99 %s  max %s ms\n", wait(p50), wait(p99), wait(most))
	fmt.Fprintf(out, "  lateness        p50 %s  p99 %s  max %s ms   (producer p99 %s ms)\n", late(p50), late(p99), late(most),
		number(x.spread(metric{of: func(o *outcome) float64 { return o.Publisher }}).Median))
}

func (x *result) writeRival(out io.Writer, i int, rival *rival) {
	var its []string
	for _, m := range rival.by {
		var all []float64
		for _, o := range x.others[i] {
			all = append(all, m.of(o))
		}
		its = append(its, fmt.Sprintf("%s %s", m.name, strings.TrimSpace(number(figures.SpreadOf(all).Median)+" "+m.unit)))
	}
	fmt.Fprintf(out, "  %s: %s\n", rival.label, strings.Join(its, ", "))
	for _, m := range rival.by {
		fmt.Fprintf(out, "    the worker's %s is %s of it\n", m.name, spreadText(x.ratio(m, i)))
	}
}

func (x *result) coreText() string {
	o := x.own[len(x.own)/2]
	switch {
	case o.Own < 0:
		return ""
	case o.Rest < 0:
		return fmt.Sprintf("   cores busy %.0f %%", 100*o.Own)
	}
	return fmt.Sprintf("   its core busy %.0f %%, the rest %.0f %%", 100*o.Own, 100*o.Rest)
}

func (x *result) sum(f func(*outcome) int) (n int) {
	for _, o := range x.own {
		n += f(o)
	}
	return n
}

// reached says whether a figure's median is what is aimed at, and what it is.
func (x *result) reached(a aim) (ok bool, got figures.Spread) {
	got = x.spread(a.metric)
	if a.compare {
		got = x.ratio(a.metric, x.rivalOf(a.rival))
	}
	if a.least {
		return got.Median >= a.bound, got
	}
	return got.Median <= a.bound, got
}

func (x *result) aimText(a aim) string {
	ok, got := x.reached(a)
	sign := "<="
	if a.least {
		sign = ">="
	}
	text := fmt.Sprintf("aim %s %s %s", a.metric.name, sign, number(a.bound))
	if a.compare {
		text = fmt.Sprintf("aim %s %s %s of %s", a.metric.name, sign, number(a.bound), x.scenario.against[x.rivalOf(a.rival)].label)
	}
	switch {
	case got.Runs == 0:
		return text + ": not measured"
	case ok:
		return fmt.Sprintf("%s: reached (%s)", text, number(got.Median))
	case a.bound == 0:
		return fmt.Sprintf("%s: MISSED (%s)", text, number(got.Median))
	}
	return fmt.Sprintf("%s: MISSED (%s, by %.1f %%)", text, number(got.Median), 100*math.Abs(got.Median/a.bound-1))
}

// number writes three digits or, from 1,000 on, whole numbers.
func number(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1000:
		return thousands(int64(math.Round(v)))
	case a >= 100 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func thousands(n int64) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// known writes a figure of which 0 says that it isn't known.
func known(v float64) string {
	if v == 0 {
		return "-"
	}
	return number(v)
}

func spreadText(s figures.Spread) string {
	if s.Runs < 2 {
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s to %s)", number(s.Median), number(s.Least), number(s.Most))
}
