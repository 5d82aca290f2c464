// Command demo shows roomrelay at work without Docker or an account: an embedded Kafka broker, a simulator
// of the API, workers and a producer in one process, then, with the faults off, a replay of the letters, and an
// audit of what the rooms were shown.
//
// It promises that its audit can fail: the simulator shows a message again that comes again without
// resendFlag, and what it counts comes from the far side of the API and of Kafka, not from the workers.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"roomrelay/internal/chat"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr *os.File) int {
	o, err := parse(args, stdout)
	if errors.Is(err, pflag.ErrHelp) {
		return exitFine
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "%v\nSee demo --help.\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The first signal ends the run in order, the second one ends the process: nothing catches it.
	context.AfterFunc(ctx, stop)
	r, err := perform(ctx, o, stderr)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "demo:", err)
	}
	if r != nil {
		if err := r.write(o, stdout); err != nil {
			_, _ = fmt.Fprintln(stderr, "demo:", err)
			return exitBroken
		}
	}
	switch {
	case ctx.Err() != nil && (r == nil || r.Interrupted):
		return exitInterrupted
	case err != nil || !r.OK():
		return exitBroken
	}
	return exitFine
}

func (r *report) write(o *options, out io.Writer) error {
	if o.json {
		return r.writeJSON(out)
	}
	return r.writeText(out)
}

// perform runs the demo and makes its audit, which is there even if the run couldn't go to its end.
func perform(ctx context.Context, o *options, stderr *os.File) (*report, error) {
	lines, closeInput, err := source(o)
	if err != nil {
		return nil, err
	}
	defer closeInput()
	log, closeLog, err := logger(o)
	if err != nil {
		return nil, err
	}
	defer closeLog()
	s, err := newStage(o, log)
	if err != nil {
		return nil, err
	}
	defer s.close()

	seen, unwatch := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(seen, stderr)
	}()
	failed := s.run(ctx, lines)
	held := failed == nil && o.hold
	switch {
	case held:
		unwatch()
		<-watched
		failed = s.hold(ctx, stderr)
	case failed == nil:
		failed = s.mendAll(ctx)
	}
	failed = errors.Join(failed, s.crew.dismiss())
	unwatch()
	<-watched

	limit, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := s.audit(limit)
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	r.Held = held
	if ctx.Err() != nil && !held {
		r.interrupt()
		failed = nil
	}
	return r, failed
}

// source is the lines to be published.
func source(o *options) (iter.Seq2[chat.Line, error], func(), error) {
	if o.input == "" {
		made := chat.Make(chat.Config{
			Events: o.events, Rooms: o.rooms, Senders: o.senders, Seed: o.seed,
			Length: time.Duration(o.events) * time.Second / madeRate, Bad: 0.004, Repeats: 0.004,
		})
		return func(yield func(chat.Line, error) bool) {
			for l := range made {
				if !yield(l, nil) {
					return
				}
			}
		}, func() {}, nil
	}
	file, err := os.Open(o.input)
	if err != nil {
		return nil, nil, fmt.Errorf("--input: %w", err)
	}
	return limited(chat.Read(file), o.events), func() { _ = file.Close() }, nil
}

// madeRate is how many events a second of made chat are published at --speed 1: about what the quota of 90
// calls a second allows while lanes are short, so that they fill a little and catch up soon after faults.
const madeRate = 200

// limited is the first n lines; 0: all. Lines that hold no event are published too: that they become
// letters is a part of what is to be seen.
func limited(lines iter.Seq2[chat.Line, error], n int) iter.Seq2[chat.Line, error] {
	return func(yield func(chat.Line, error) bool) {
		count := 0
		for l, err := range lines {
			if _, bad := errors.AsType[*chat.BadLine](err); bad {
				err = nil
			}
			if count++; !yield(l, err) || count == n {
				return
			}
		}
	}
}

func logger(o *options) (zerolog.Logger, func(), error) {
	if o.log == "" {
		return zerolog.Nop(), func() {}, nil
	}
	file, err := os.Create(o.log)
	if err != nil {
		return zerolog.Nop(), nil, fmt.Errorf("--log: %w", err)
	}
	return zerolog.New(file).With().Timestamp().Logger(), func() { _ = file.Close() }, nil
}
