package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestEveryScenarioCanBePlayedAndJudged(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range scenarios {
		if seen[s.name] {
			t.Errorf("%s is there twice", s.name)
		}
		seen[s.name] = true
		if len(s.name) > 13 || len(s.name)+2+len(s.about) > 90 {
			t.Errorf("%s: %s: too wide for the report", s.name, s.about)
		}
		if s.aside && s.shape.Hot == 0 || s.endpoint.BusyRoom != 0 && !s.aside {
			t.Errorf("%s: what stands aside is the hot room", s.name)
		}
		x := result{scenario: &s}
		for _, a := range s.aims {
			if a.compare && x.rivalOf(a.rival) < 0 {
				t.Errorf("%s: it is to be compared with what isn't measured", s.name)
			}
		}
		for _, r := range s.against {
			if len(r.by) == 0 || r.kind == worker && r.change == nil {
				t.Errorf("%s: %s says nothing", s.name, r.label)
			}
			if r.kind == posts && s.live() {
				t.Errorf("%s: (a) is of backlogs", s.name)
			}
		}
		if s.shape.Chat != "" || s.live() {
			continue
		}
		// Where the aim is full batches, every lane must be able to fill its last one.
		if lanes := max(s.shape.Rooms, 1) * max(s.shape.Senders, 1); slices.ContainsFunc(s.against, func(r rival) bool { return r.kind == posts }) &&
			s.shape.Bad == 0 && s.shape.Messages%(lanes*maxBatch) != 0 {
			t.Errorf("%s: %d messages over %d lanes don't fill batches", s.name, s.shape.Messages, lanes)
		}
	}
}

func TestARivalsChangeLeavesTheScenarioAlone(t *testing.T) {
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == "4-workers" })
	other := scenarios[i]
	other.against[0].change(&other)
	if other.workers != 1 || other.shape.Messages != 24_000 || scenarios[i].workers != 4 || scenarios[i].shape.Messages != 96_000 {
		t.Errorf("%d workers with %d messages, and then %d with %d", other.workers, other.shape.Messages, scenarios[i].workers, scenarios[i].shape.Messages)
	}
}

func TestTheCommandLine(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"--only 20ms,nowhere", "--only nowhere: there is no such scenario; there are 0ms"},
		{"--pairs 0", "--pairs 0: take 1 or more"},
		{"20ms", `"20ms": there are only flags`},
		{"--pair", "unknown flag"},
	} {
		if _, err := parse(strings.Fields(c.args), io.Discard); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s", c.args, err, c.says)
		}
	}
	o, err := parse([]string{"--only", "200ms,1m-rooms,20ms", "--pairs", "2", "--chat", "x"}, io.Discard)
	if err != nil || o.pairs != 2 || o.chat != "x" {
		t.Fatalf("%+v %v", o, err)
	}
	var chosen []string
	for _, s := range o.chosen() {
		chosen = append(chosen, s.name)
	}
	if want := []string{"20ms", "200ms", "1m-rooms"}; !slices.Equal(chosen, want) {
		t.Errorf("chosen are %v, want %v", chosen, want)
	}
	for _, s := range (&options{}).chosen() {
		if s.extra {
			t.Errorf("%s is played though nobody asked for it", s.name)
		}
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"--list"}, &out, io.Discard); code != exitFine || strings.Count(out.String(), "\n") != len(scenarios) {
		t.Errorf("exit %d, said\n%s", code, &out)
	}
	out.Reset()
	if code := run(t.Context(), []string{"--help"}, &out, io.Discard); code != exitFine || !strings.Contains(out.String(), "--brokers addresses") {
		t.Errorf("exit %d, said\n%s", code, &out)
	}
}
