package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"roomrelay/batcher"
	"roomrelay/internal/imsim"
)

// options are what the demo is told on its command line.
type options struct {
	input      string
	speed      float64
	events     int
	rooms      int
	senders    int
	partitions int
	workers    int
	faults     bool
	hold       bool
	rate       float64
	ordering   batcher.Ordering
	latency    imsim.Latency
	seed       uint64
	json       bool
	log        string
}

const usage = `demo runs an embedded Kafka broker, a simulator of the chat API, roomrelay and
a producer in one process, and then checks that every event was delivered once
and in order, or became a letter. The live view goes to stderr, the audit to
stdout. Exits with 0 if nothing was lost, shown twice, sent again unflagged or
swapped within a lane, 1 if not, 2 if the command line is wrong, and 130 if it
was interrupted.

  demo [flags]

Flags:
`

// Exit codes.
const (
	exitFine        = 0
	exitBroken      = 1 // a promise was broken, or the demo couldn't run
	exitUsage       = 2
	exitInterrupted = 130
)

// parse reads the command line. Asked for help it has written that, and returns pflag.ErrHelp.
func parse(args []string, out io.Writer) (*options, error) {
	o := &options{}
	ordering := ""
	latency := imsim.Latency{P50: 20e6, P99: 120e6}
	f := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	f.SortFlags = false
	f.SetOutput(io.Discard) // mistakes are told by the caller, once
	f.BoolVar(&o.faults, "faults", false, "let the API, the brokers and the dead-letter topic misbehave, in acts")
	f.BoolVar(&o.hold, "hold", false, "leave the letters to you, with what refuses them: say how to reach everything, and stay until Ctrl-C")
	f.IntVar(&o.workers, "workers", 1, "workers in the group; if more than 1 they come, stop and are killed during the run")
	f.StringVar(&o.input, "input", "", "`FILE` of events to publish (NDJSON, plain or .gz); default: made chat")
	f.IntVar(&o.events, "events", 0, "events to publish; default 3000 of made chat, or all of --input")
	f.IntVar(&o.rooms, "rooms", 30, "rooms of made chat")
	f.IntVar(&o.senders, "senders", 150, "senders of made chat")
	f.Float64Var(&o.speed, "speed", 1, "times real time at which events are published; 0: as fast as possible")
	f.Float64Var(&o.rate, "rate", 90, "calls a second that all workers together may make; 0: no quota")
	f.StringVar(&ordering, "ordering", "sender", "whose order is kept: sender or room")
	f.TextVar(&o.latency, "latency", latency, "`TIME` that the API takes: 20ms, 10ms-40ms, or p50=20ms,p99=120ms")
	f.IntVar(&o.partitions, "partitions", 6, "partitions of the topic")
	f.Uint64Var(&o.seed, "seed", 1, "of everything that is left to chance")
	f.BoolVar(&o.json, "json", false, "write the audit as one JSON object")
	f.StringVar(&o.log, "log", "", "`FILE` for the workers' logs")
	err := f.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		_, _ = io.WriteString(out, usage+f.FlagUsagesWrapped(80))
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q: the demo takes flags only", f.Arg(0))
	}
	o.ordering, err = orderingOf(ordering)
	if o.events == 0 && o.input == "" {
		o.events = 3000
	}
	return o, errors.Join(err, o.check())
}

func orderingOf(name string) (batcher.Ordering, error) {
	switch strings.ToLower(name) {
	case "sender":
		return batcher.BySender, nil
	case "room":
		return batcher.ByRoom, nil
	}
	return 0, fmt.Errorf("--ordering: %q: take sender or room", name)
}

func (o *options) check() error {
	var wrong []error
	within := func(name string, got, low, high float64) {
		if !(got >= low && got <= high) {
			wrong = append(wrong, fmt.Errorf("--%s: %v: take %v to %v", name, got, low, high))
		}
	}
	within("events", float64(o.events), 0, 10e6)
	within("rooms", float64(o.rooms), 1, 1e6)
	within("senders", float64(o.senders), 1, 1e6)
	within("partitions", float64(o.partitions), 1, 1000)
	within("workers", float64(o.workers), 1, 20)
	within("speed", o.speed, 0, 1e6)
	within("rate", o.rate, 0, 1e6)
	return errors.Join(wrong...)
}
