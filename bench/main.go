// Command bench measures the whole job against what the machine, the round trip and the quota allow: a broker,
// the built worker, the API's far end and a producer, each a process of its own.
//
// It promises that a worker and what it is compared with run in turn within one series (the worker first, then
// last, then first), so that a machine that grows slower doesn't look like a worker that does; that processor
// time and memory are the worker's alone; that waits are reckoned from the times at which messages were to be
// published, whenever the producer came to it; that it says when something else than the worker was the limit,
// or other programs took the machine; and that lost, swapped or repeated messages fail the run.
//
// It proves nothing of the API, whose far end here answers at once or after a fixed time, nor of real brokers
// unless --brokers names one. Where the system isn't Linux it can't keep processes on cores of their own, and
// says so.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

const (
	exitFine        = 0
	exitBroken      = 1 // a run couldn't be made, or lost or swapped messages
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the runs in order, the second one ends the process: nothing catches it.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == roleCommand {
		return playRole(ctx, args[1:], stdout, stderr)
	}
	o, err := parse(args, stdout)
	if errors.Is(err, pflag.ErrHelp) {
		return exitFine
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\nSee bench --help.\n", err)
		return exitUsage
	}
	if o.list {
		list(stdout)
		return exitFine
	}
	report, err := measure(ctx, o, stdout, stderr)
	if report != nil {
		if err := report.write(o, stdout); err != nil {
			fmt.Fprintf(stderr, "bench: writing the report: %v\n", err)
			return exitBroken
		}
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "bench: interrupted; above is what was measured by then")
		return exitInterrupted
	case err != nil:
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitBroken
	case report.broken():
		return exitBroken
	}
	return exitFine
}
