package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// built is the worker's program.
type built struct {
	path     string
	profiles string // folder for CPU profiles, if it can write them
	dir      string // to be removed
}

func (b *built) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir) // it is in the system's folder for such things
	}
}

// profileVariable names the file for a worker's CPU profile.
const profileVariable = "ROOMRELAY_BENCH_PROFILE"

// profiler is one more file of the worker's program.
//
//go:embed profiler.txt
var profiler []byte

// build builds the worker from this tree, if no path was given. To be profiled it is built with a file more: the
// program that is shipped has no such thing.
func build(ctx context.Context, o *options) (*built, error) {
	if o.worker != "" {
		return &built{path: o.worker}, nil
	}
	dir, err := os.MkdirTemp("", "roomrelay-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the worker: %w", err)
	}
	b := &built{path: filepath.Join(dir, "roomrelay"), dir: dir}
	args := []string{"build", "-o", b.path}
	if o.profile != "" {
		overlay, err := b.overlay(ctx)
		if err == nil {
			b.profiles, err = filepath.Abs(o.profile)
		}
		if err == nil {
			err = os.MkdirAll(b.profiles, 0o755)
		}
		if err != nil {
			b.remove()
			return nil, fmt.Errorf("preparing profiles: %w", err)
		}
		args = append(args, "-overlay", overlay)
	}
	if text, err := exec.CommandContext(ctx, "go", append(args, workerPackage)...).CombinedOutput(); err != nil {
		b.remove()
		return nil, fmt.Errorf("building the worker: %w\n%s", err, text)
	}
	return b, nil
}

const workerPackage = "roomrelay/cmd/roomrelay"

// overlay writes what go build takes for the tree with the profiler in it.
func (b *built) overlay(ctx context.Context) (path string, err error) {
	where, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", workerPackage).Output()
	if err != nil {
		return "", fmt.Errorf("finding the worker's sources: %w", err)
	}
	source := filepath.Join(b.dir, "profiler.go")
	if err := os.WriteFile(source, profiler, 0o600); err != nil {
		return "", err
	}
	target := filepath.Join(string(where[:len(where)-1]), "bench_profiler.go")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{target: source}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(b.dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o600)
}
