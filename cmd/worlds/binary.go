package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// recipe is how a test binary is built.
type recipe struct {
	root    string // of the module
	pkg     string // within it: ./internal/chaos
	race    bool
	overlay string // a file as go build -overlay takes it; "": none
	out     string
}

// build makes the test binary. What the compiler says is in the error.
func build(ctx context.Context, r recipe) error {
	args := []string{"test", "-c", "-ldflags=-w", "-o", r.out}
	if r.race {
		args = append(args, "-race")
	}
	if r.overlay != "" {
		args = append(args, "-overlay", r.overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, r.pkg)...)
	cmd.Dir = r.root
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the worlds: %w\n%s", err, strings.TrimSpace(string(said)))
	}
	if _, err := os.Stat(r.out); err != nil {
		return fmt.Errorf("building the worlds: %s has no tests", r.pkg)
	}
	return nil
}

// start makes the command of a test process. It plays on one processor: a bubble is one thread's work
// anyway, and the order in which goroutines run repeats more often if nothing preempts them.
func start(binary string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	debug := "asyncpreemptoff=1"
	if given := os.Getenv("GODEBUG"); given != "" {
		debug = given + "," + debug
	}
	// A race is then the death of the world that has it, and so is known to be its own; and no process
	// waits a second for races before it ends.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GODEBUG="+debug, "GOGC=800", "GORACE=halt_on_error=1 atexit_sleep_ms=0")
	return cmd
}

// alone keeps the terminal's Ctrl-C from a process: it would look as if its world had died.
func alone(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// moduleRoot is the directory with go.mod above dir.
func moduleRoot(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		} else if !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("looking for go.mod: %w", err)
		}
		if filepath.Dir(at) == at {
			return "", fmt.Errorf("there is no go.mod in %s or above it", dir)
		}
	}
}
