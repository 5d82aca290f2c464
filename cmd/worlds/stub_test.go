package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is the environment's variable that makes this test binary a test process as the program starts
// them. It says what befalls which seed: "7=hang,9=panic". The others are well.
const script = "WORLDS_SCRIPT"

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(script); ok {
		stub(text)
		return
	}
	os.Exit(m.Run())
}

// scripted makes the command of a test process that follows the script.
func scripted(text string) func(args ...string) *exec.Cmd {
	return func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), script+"="+text, "GORACE=atexit_sleep_ms=0")
		return cmd
	}
}

// stub plays as a chaos test binary would.
func stub(text string) {
	f := flag.NewFlagSet("stub", flag.ExitOnError)
	f.String("test.run", "", "")
	f.String("test.timeout", "", "")
	seed := f.Uint64("seed", 0, "")
	worlds := f.Int("worlds", 0, "")
	times := f.Int("times", 1, "")
	only := f.String("only", "", "")
	path := f.String("report", "", "")
	_ = f.Parse(os.Args[1:])
	file, err := os.OpenFile(*path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	s := &stubWorld{out: json.NewEncoder(file), only: *only, alone: *worlds == 1}
	for i := range *worlds {
		for range *times {
			s.play(*seed+uint64(i), does(text, *seed+uint64(i)))
		}
	}
}

// does is what the script says of a seed.
func does(text string, seed uint64) string {
	for part := range strings.SplitSeq(text, ",") {
		if what, ok := strings.CutPrefix(part, strconv.FormatUint(seed, 10)+"="); ok {
			return what
		}
	}
	return ""
}

type stubWorld struct {
	out   *json.Encoder
	only  string
	alone bool
}

// stubSizes are those of every plan of a stub.
var stubSizes = sizes{Workers: 2, Bursts: 6, Rules: 2, Deeds: 4}

func (s *stubWorld) play(seed uint64, what string) {
	if what == "never" {
		fmt.Println("it won't begin")
		os.Exit(1)
	}
	_ = s.out.Encode(map[string]any{"seed": seed, "begun": true, "sizes": stubSizes})
	r := report{
		Seed: seed, TookMs: 1, WorldSeconds: 90, Events: 300, Calls: 140, Sizes: stubSizes,
		Seen: map[string]int{"deed: kill": 2, "state: breaker open": 1},
	}
	switch what {
	case "panic":
		panic("it can't be")
	case "race":
		fmt.Fprintf(os.Stderr, "==================\n%s\n", raceBegins)
		os.Exit(66)
	case "gone":
		os.Exit(0)
	case "quiet":
		return
	case "hang":
		select {}
	case "once":
		if !s.alone {
			r.Violations = []violation{{Rule: "I2", Words: "passed", History: "the first time"}}
		}
	case "deed 2", "deed 2 in a panic":
		if keeps(s.only, "deeds", 2) && keeps(s.only, "bursts", 4) {
			if what != "deed 2" {
				panic("deed 2")
			}
			r.Violations = []violation{{Rule: "I5", Words: "sent again", History: "of " + s.only}}
		}
	}
	_ = s.out.Encode(r)
	if what == "afterlife" {
		panic("something was left")
	}
}

// keeps says whether a mask keeps an item.
func keeps(only, part string, item int) bool {
	for p := range strings.SplitSeq(only, ";") {
		list, ok := strings.CutPrefix(p, part+"=")
		if !ok {
			continue
		}
		for r := range strings.SplitSeq(list, ",") {
			first, last, isRange := strings.Cut(r, "-")
			if !isRange {
				last = first
			}
			from, err := strconv.Atoi(first)
			to, _ := strconv.Atoi(last)
			if err == nil && from <= item && item <= to {
				return true
			}
		}
		return false
	}
	return true
}

// never is for worlds that aren't too late however long they take.
func never(uint64) <-chan time.Time { return nil }

// atOnce fires as soon as one of seeds has begun.
func atOnce(seeds ...uint64) func(uint64) <-chan time.Time {
	return func(seed uint64) <-chan time.Time {
		if !slices.Contains(seeds, seed) {
			return nil
		}
		c := make(chan time.Time)
		close(c)
		return c
	}
}

func newStubPlayer(t *testing.T, text string) *player {
	t.Helper()
	return &player{command: scripted(text), dir: t.TempDir(), reports: t.TempDir(), late: never}
}

// text is what a program writes, and may be read meanwhile.
type text struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.b.String()
}
