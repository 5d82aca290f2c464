package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"roomrelay/bench/internal/figures"
)

// ran is a run with that rate.
func ran(rate float64) *outcome {
	return &outcome{Measured: figures.Measured{PerSecond: rate, PerCall: 10, Calls: 9}, CPU: 2, Own: 0.5, Rest: 0.5, Peak: 70}
}

// against is the result of a scenario with a limit, pairs of runs as they come.
func against(own, other []float64) *result {
	s := &scenario{name: "some", about: "for the test", against: []rival{bare}, aims: []aim{atLeast(perSecond, 0.95).of(posts)}}
	x := &result{scenario: s, others: make([][]*outcome, 1)}
	for _, v := range own {
		x.own = append(x.own, ran(v))
	}
	for _, v := range other {
		x.others[0] = append(x.others[0], ran(v))
	}
	return x
}

func TestARatioIsThatOfEachPair(t *testing.T) {
	// The machine grew slower: in each pair the worker has 0.9 of the limit, and over all it hasn't.
	x := against([]float64{90, 45, 9}, []float64{100, 50, 10})
	if got, want := x.ratio(perSecond, 0), (figures.Spread{Median: 0.9, Least: 0.9, Most: 0.9, Runs: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := against([]float64{90, 45}, []float64{100}).ratio(perSecond, 0); got.Runs != 1 {
		t.Errorf("of a run whose pair is missing: %+v", got)
	}
	once := against([]float64{90, 50}, []float64{100})
	once.scenario.against = []rival{firstTry}
	if got := once.ratio(perSecond, 0); got.Runs != 2 || got.Median != 0.7 {
		t.Errorf("of a rival that runs once: %+v", got)
	}
}

func TestAnAimIsJudgedByTheMedian(t *testing.T) {
	x := against([]float64{96, 20, 97}, []float64{100, 100, 100})
	if text := x.aimText(x.scenario.aims[0]); text != "aim messages/s >= 0.95 of (a) bare client: reached (0.96)" {
		t.Error(text)
	}
	x = against([]float64{96, 20, 76}, []float64{100, 100, 100})
	if text := x.aimText(x.scenario.aims[0]); text != "aim messages/s >= 0.95 of (a) bare client: MISSED (0.76, by 20.0 %)" {
		t.Error(text)
	}
	if text := x.aimText(atMost(cpu, 2)); text != "aim CPU a message <= 2: reached (2)" {
		t.Error(text)
	}
	if text := x.aimText(atMost(calls, 0)); text != "aim calls <= 0: MISSED (9)" {
		t.Error(text)
	}
	if text := against(nil, nil).aimText(atLeast(perSecond, 1).of(posts)); !strings.HasSuffix(text, "not measured") {
		t.Error(text)
	}
}

func TestWhatProvesNothingIsSaid(t *testing.T) {
	for want, change := range map[string]func(*outcome){
		"": func(*outcome) {},
		"bound by the rest: its cores were 93 % busy":    func(o *outcome) { o.Rest = 0.93 },
		"bound by the machine: all cores were 95 % busy": func(o *outcome) { o.Own, o.Rest = 0.95, -1 },
		"other programs took 30 % of the machine":        func(o *outcome) { o.Foreign, o.Rest = 0.3, 1 },
		"bound by the rest: its cores were 100 % busy":   func(o *outcome) { o.Own, o.Rest = 1, 1 },
	} {
		x := against([]float64{1}, nil)
		change(x.own[0])
		if got := x.bound(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestABrokenPromiseFailsTheReport(t *testing.T) {
	r := report{results: []*result{against([]float64{1}, nil)}}
	if r.broken() {
		t.Error("broken, though nothing is")
	}
	for what, harm := range map[string]func(*outcome){
		"2 messages swapped within a lane":      func(o *outcome) { o.Swapped = 2 },
		"2 messages lost":                       func(o *outcome) { o.Lost = 2 },
		"2 messages sent again":                 func(o *outcome) { o.Repeated = 2 },
		"2 messages in a call that must not be": func(o *outcome) { o.Stray = 2 },
	} {
		x := against([]float64{1}, nil)
		harm(x.own[0])
		r := report{results: []*result{x}}
		var out bytes.Buffer
		x.write(&out)
		if !r.broken() || !strings.Contains(out.String(), "BROKEN: "+what) {
			t.Errorf("%s isn't told:\n%s", what, &out)
		}
	}
}

func TestTheReportFitsANarrowTerminalAndHasWhatThereIs(t *testing.T) {
	r := report{Machine: machineText(), Pairs: 5}
	for _, s := range scenarios {
		x := &result{scenario: &s, others: make([][]*outcome, len(s.against))}
		for range 2 { // the second pair was interrupted before its rivals
			o := ran(1_234_567)
			o.Wait = figures.Quantiles{P50: 1234 * time.Millisecond, P99: 12345 * time.Millisecond, Max: time.Minute}
			o.Late, o.Publisher, o.Letters, o.LetterRate = o.Wait, 1234, 1_000_000, 123_456
			x.own = append(x.own, o)
		}
		for i := range x.others {
			x.others[i] = append(x.others[i], x.own[0])
		}
		r.results = append(r.results, x)
	}
	r.results = append(r.results, &result{scenario: &scenarios[0], skipped: "for a reason"}, &result{scenario: &scenarios[1]})
	var out bytes.Buffer
	r.head(&out)
	for _, x := range r.results {
		x.write(&out)
	}
	if err := r.write(&options{}, &out); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	out.Reset()
	if err := r.write(&options{json: true}, &out); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Scenarios []plainResult `json:"scenarios"`
	}
	if err := json.Unmarshal(out.Bytes(), &read); err != nil || len(read.Scenarios) != len(scenarios)+2 {
		t.Errorf("%d scenarios in JSON, %v", len(read.Scenarios), err)
	}
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for want, v := range map[string]float64{"0": 0, "7": 7, "1.23": 1.234, "12.3": 12.34, "123": 123.4, "1,235": 1234.5, "12,345,678": 12345678, "-1,000": -1000} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}
