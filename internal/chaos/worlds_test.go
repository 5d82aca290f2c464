package chaos_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"roomrelay/internal/chaos"
)

var (
	seed   = flag.Uint64("seed", 1, "the first world's seed")
	worlds = flag.Int("worlds", 16, "how many worlds are played, each with the next seed")
	times  = flag.Int("times", 1, "how often each is played")
	only   = flag.String("only", "", "what of the plan is kept, such as \"workers=1;bursts=0,3-5;rules=;deeds=2\"")
	report = flag.String("report", "", "file to which a line of JSON is added for each world")
)

// Whatever happens, every promise is kept while it does, and once it is over everything is settled.
func TestWorlds(t *testing.T) {
	// One bubble is one thread's work, and with one the order of goroutines varies least.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	out := open(t)
	for i := range uint64(*worlds) {
		for range *times {
			t.Run(fmt.Sprint(*seed+i), func(t *testing.T) { play(t, *seed+i, out) })
		}
	}
}

func play(t *testing.T, seed uint64, out func(any)) {
	plan := chaos.Draw(seed)
	if err := plan.Keep(*only); err != nil {
		t.Fatal(err)
	}
	out(map[string]any{"seed": seed, "begun": true, "sizes": plan.Sizes()})
	began := time.Now()
	var result *chaos.Report
	synctest.Test(t, func(t *testing.T) { result = chaos.Play(t, plan) })
	if result == nil {
		t.Fatal("the world came to no end")
	}
	result.TookMS = time.Since(began).Milliseconds()
	out(result)
	for _, v := range result.Violations {
		t.Errorf("%s: %s\n%s", v.Rule, v.Words, v.History)
	}
	if t.Failed() {
		t.Logf("again: go test ./internal/chaos -run '^TestWorlds$' -seed %d -worlds 1 -only '%s' -times 10 -v", seed, *only)
	}
}

// open returns what adds a line to the report file.
func open(t *testing.T) func(any) {
	if *report == "" {
		return func(any) {}
	}
	f, err := os.OpenFile(*report, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	lines := json.NewEncoder(f)
	return func(x any) {
		if err := lines.Encode(x); err != nil {
			t.Fatal(err)
		}
	}
}
