package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outcome of a run of the program.
type outcome struct {
	code     int
	out, err string
}

// stubProgram is one whose test processes follow a script.
func stubProgram(t *testing.T, script string) (p *program, out, err *text) {
	t.Helper()
	out, err = &text{}, &text{}
	return &program{
		out: out, err: err, root: t.TempDir(), late: never,
		build: func(context.Context, recipe) error { return nil },
		start: func(_ string, args ...string) *exec.Cmd { return scripted(script)(args...) },
	}, out, err
}

func runStub(t *testing.T, script string, args ...string) outcome {
	t.Helper()
	p, out, err := stubProgram(t, script)
	code := p.run(t.Context(), append(args, "--pkg=."))
	return outcome{code, out.String(), err.String()}
}

// hold compares an outcome, and shows it if it isn't what it should be.
func hold(t *testing.T, got outcome, code int, says ...string) {
	t.Helper()
	wrong := got.code != code
	for _, want := range says {
		if !strings.Contains(got.out+got.err, want) {
			wrong = true
			t.Errorf("it doesn't say %q", want)
		}
	}
	if wrong {
		t.Errorf("exit %d, want %d\n%s\n%s", got.code, code, got.out, got.err)
	}
}

func TestARunWithoutFailuresTellsWhatWasPlayed(t *testing.T) {
	t.Parallel()
	got := runStub(t, "", "run", "--seeds=20", "--from=5", "--procs=2")
	hold(t, got, exitFine,
		"seeds 5..24\n", "20 of 20 worlds played", "90.0 s, 300.0 events in 6.0 bursts, 140.0 calls, 2.0 workers, 6.0 faults (2.0 rules, 4.0 deeds)",
		"deed\n  kill                20        40\n", "state\n  breaker open        20        20\n", "no promise was broken\n")
	got = runStub(t, "", "run", "--seeds=3", "--coverage=false")
	hold(t, got, exitFine, "3 of 3 worlds")
	if strings.Contains(got.out, "kill") {
		t.Error("it tells the coverage")
	}
}

func TestAFailureIsShrunkAndToldWithTheCommandThatPlaysItAgain(t *testing.T) {
	t.Parallel()
	hold(t, runStub(t, "3=deed 2", "run", "--seeds=3", "--from=1", "--procs=1"), exitBroken,
		"seed 3: I5 sent again\n", "repeats 10 of 10 times\n", "there are left: 1 worker, 1 burst, 0 rules, 1 deed\n",
		"    of workers=1;bursts=4;rules=;deeds=2\n",
		"again: go test . -run '^TestWorlds$' -seed 3 -worlds 1 -only 'workers=1;bursts=4;rules=;deeds=2' -times 10 -v\n",
		"1 seed broke a promise: 3\n")
	hold(t, runStub(t, "2=deed 2 in a panic", "run", "--seeds=2", "--from=1", "--procs=1"), exitBroken,
		"seed 2: crash panic: deed 2\n", "-only 'workers=1;bursts=4;rules=;deeds=2'", "    goroutine 1 [running]")
}

func TestAFailureThatDoesNotRepeatIsToldAsItWas(t *testing.T) {
	t.Parallel()
	hold(t, runStub(t, "2=once", "run", "--seeds=16", "--from=1", "--procs=2", "--race"), exitBroken,
		"seed 2: I2 passed\n", "repeats 0 of 10 times: the order", "    the first time\n",
		"again: go test -race . -run '^TestWorlds$' -seed 2 -worlds 1 -times 10 -v\n")
}

func TestARunStopsAfterEnoughFailures(t *testing.T) {
	t.Parallel()
	got := runStub(t, "2=panic,3=panic,4=hang", "run", "--seeds=1000", "--from=1", "--procs=1", "--stop-after=2", "--shrink=false")
	hold(t, got, exitBroken, "3 of 1000 worlds played", "2 seeds broke a promise: 2 3\n", "    panic: it can't be\n")
}

func TestKeptSeedsArePlayedBeforeTheOthers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "seeds")
	write(t, file, "# seeds that found something\n\n77  # a commit too far\n78\n")
	hold(t, runStub(t, "", "run", "--seeds-file="+file), exitFine, "2 kept seeds 3 times each, 6 of 6 worlds played")
	hold(t, runStub(t, "77=panic", "run", "--seeds-file="+file, "--seeds=2", "--shrink=false", "--procs=1", "--times=2"), exitBroken,
		"seed 77: crash", "it once found: a commit too far\n", "6 of 6 worlds", "1 seed broke a promise: 77\n")
	write(t, file, "77\nseven\n")
	hold(t, runStub(t, "", "run", "--seeds-file="+file), exitTrouble, `seeds:2: "seven" is no seed`)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAnInterruptedRunEndsItsProcessesAndTellsWhatItHas(t *testing.T) {
	t.Parallel()
	p, out, err := stubProgram(t, "1=hang")
	ctx, stop := context.WithCancel(t.Context())
	p.start = func(_ string, args ...string) *exec.Cmd {
		stop()
		return scripted("1=hang")(args...)
	}
	code := p.run(ctx, []string{"run", "--seeds=5", "--from=1", "--procs=1", "--pkg=."})
	hold(t, outcome{code, out.String(), err.String()}, exitInterrupted, "0 of 5 worlds played", "interrupted")
}

func TestWhatCannotBeBuiltOrPlayedOrUnderstoodIsTrouble(t *testing.T) {
	t.Parallel()
	p, out, err := stubProgram(t, "")
	p.build = func(context.Context, recipe) error { return errors.New("undefined: x") }
	hold(t, outcome{p.run(t.Context(), []string{"run"}), out.String(), err.String()}, exitTrouble, "undefined: x")
	hold(t, runStub(t, "1=never", "run", "--seeds=1", "--from=1"), exitTrouble, "seed 1: no world began")
	for args, says := range map[string]string{
		"run --seeds=0":         "nothing to play",
		"run --procs=0":         "--procs: 0",
		"run --times=0":         "--times: 0",
		"run now":               `unknown command "now"`,
		"run --sedes=1":         "unknown flag: --sedes",
		"run --seeds-file=/no":  "/no",
		"mutants --seeds=0":     "--seeds: 0",
		"mutants --dir=nowhere": "nowhere",
	} {
		hold(t, runStub(t, "", strings.Fields(args)...), exitTrouble, says)
	}
}

func TestHelpFitsATerminalAndNamesTheExitCodes(t *testing.T) {
	for _, args := range []string{"--help", "run --help", "mutants --help"} {
		p, out, err := stubProgram(t, "")
		got := outcome{p.run(t.Context(), strings.Fields(args)), out.String(), err.String()}
		hold(t, got, exitFine, "Exit codes:")
		for line := range strings.Lines(got.out) {
			if len(line) > 81 {
				t.Errorf("%s: too wide: %s", args, line)
			}
		}
	}
}
