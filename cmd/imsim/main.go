// Command imsim serves the API simulator: for trying a worker without an account.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"roomrelay/internal/imsim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// stopWait is how long calls on their way may take to be answered after a signal; held ones are cut.
const stopWait = 5 * time.Second

// run serves until ctx ends. It returns the exit code: 0 after a stop, 1 if serving failed, 2 if the
// command line is wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	set, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "imsim: %v\n", err)
		return 2
	}
	sim := imsim.New(set.config)
	failed := make(chan error, 1)
	server, addr, err := sim.Listen(set.addr, failed)
	if err != nil {
		fmt.Fprintf(stderr, "imsim: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "listening on http://%s\n", addr)
	select {
	case err := <-failed:
		fmt.Fprintf(stderr, "imsim: serving: %v\n", err)
		return 1
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	if server.Shutdown(end) != nil {
		_ = server.Close() // an idle or endless connection: nobody waits for an answer on it
	}
	if numbers, err := json.Marshal(sim.Stats()); err == nil {
		fmt.Fprintf(stdout, "%s\n", numbers)
	}
	return 0
}
