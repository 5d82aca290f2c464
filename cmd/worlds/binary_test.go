package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestATestProcessPlaysOnOneProcessorWithoutPreemption(t *testing.T) {
	t.Setenv("GODEBUG", "http2client=0")
	env := start("chaos.test").Env
	for _, want := range []string{"GOMAXPROCS=1", "GODEBUG=http2client=0,asyncpreemptoff=1", "GORACE=halt_on_error=1 atexit_sleep_ms=0"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s isn't set", want)
		}
	}
}

func TestTheModuleIsFoundFromWithinIt(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := moduleRoot(deep); err == nil {
		t.Errorf("it found a module in %s", got)
	}
	write(t, filepath.Join(root, "go.mod"), "module x\n")
	if got, err := moduleRoot(deep); got != root {
		t.Errorf("%q %v, want %q", got, err, root)
	}
}
