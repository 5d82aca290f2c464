// Command worlds plays whole worlds, each drawn from a seed, on several processes at once, and tells which
// of them broke a promise: shrunk to what it takes, with the command that plays it again. It also plants
// defects and looks how soon the worlds find them.
//
// It promises that what it counts as played was reported by a world that came to its end, that a process
// which dies or stands still is a failure of the world that was being played, and that it ends no process
// but its own. It doesn't promise that a failure repeats: what happens is drawn from the seed, the order in
// which goroutines run isn't.
//
// Exit codes: 0 nothing was broken, every defect was found; 1 something was, or one wasn't; 2 the command
// line is wrong, or the worlds can't be built or played; 130 interrupted before anything was broken.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(execute(os.Args[1:])) }

func execute(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the run in order, the second one ends the process: nothing catches it.
	context.AfterFunc(ctx, stop)
	p := &program{out: os.Stdout, err: os.Stderr, build: build, start: start}
	return p.run(ctx, args)
}
