package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// roleCommand is the first argument of the processes that bench starts of itself: then the role's name and its
// config as JSON.
const roleCommand = "role"

// role plays until it is done or ctx ends. What it says is JSON, a line each.
type role func(ctx context.Context, config []byte, say *json.Encoder) error

var roles = map[string]role{
	"broker": playBroker, "endpoint": playEndpoint, "producer": playProducer,
	"posts": playPosts, "reading": playReading, "baseline": playBaseline,
}

func playRole(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		// Whoever started this process holds the other end of its input, also when it is killed.
		_, _ = bufio.NewReader(os.Stdin).WriteTo(io.Discard)
		cancel()
	}()
	if len(args) != 2 || roles[args[0]] == nil {
		fmt.Fprintln(stderr, "bench role: this is for bench itself")
		return exitUsage
	}
	if err := roles[args[0]](ctx, []byte(args[1]), json.NewEncoder(stdout)); err != nil {
		fmt.Fprintf(stderr, "bench %s: %v\n", args[0], err)
		return exitBroken
	}
	return exitFine
}

// decode reads the config of a role.
func decode[C any](text []byte) (c C, err error) {
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("reading the role's config: %w", err)
	}
	return c, nil
}
