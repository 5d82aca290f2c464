package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"roomrelay/internal/imsim"
)

type settings struct {
	addr   string
	config imsim.Config
}

// usage is what --help says before and after the flags.
const usage = `imsim is a simulator of the chat-room API that roomrelay sends to.
It answers POST ` + imsim.Action + `, keeps what each room
was shown, and misbehaves where it is told to.

  imsim --rate 100 --latency p50=20ms,p99=200ms
  imsim --faults faults.json --seed 7

Flags:
`

const after = `
To look at it and to steer it:
  GET    /sim/messages?roomid=  what a room (without roomid: all) was shown, in order
  GET    /sim/stats             numbers
  GET    /sim/faults            the faults that hold
  PUT    /sim/faults            take these faults instead (JSON)
  DELETE /sim/faults            no more faults
  POST   /sim/reset             forget messages, numbers and the quota's penalty

Faults are JSON:
  {"neverHad": "refuse", "repeat": "fail", "rules": [
    {"do": "code", "code": 503, "chance": 0.02},
    {"do": "reset", "taken": true, "chance": 0.01, "until": "20s"},
    {"do": "code", "code": 404, "rooms": [700019]},
    {"do": "refuse", "share": 0.001, "reason": "hit moderation"},
    {"do": "latency", "latency": "p50=20ms,p99=2s", "roomShare": 0.1}]}
What takes the place of the answer (the messages are taken only with "taken": true):
  code status page reset stall half garbage endless
What changes the true answer, or is about single messages:
  latency slow lists-as-text no-success code-as-text shuffle leave-out refuse poison
When a rule holds: rooms roomShare senders messages from until chance share skip count
What it does: taken late delay code desc reason status body retryAfter location latency
`

// parse reads the command line; --help was answered if the error is flag.ErrHelp.
func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("imsim", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0: any free one")
	flags.StringVar(&s.config.AppKey, "app-key", "demo-key", "the `key` that calls must carry")
	flags.StringVar(&s.config.AppSecret, "app-secret", "demo-secret", "the `secret` that calls must be signed with")
	flags.IntVar(&s.config.Rate, "rate", 0, "quota in `calls` a second, as the API's 100; beyond it 10 s of code 416; 0: none")
	flags.TextVar(&s.config.Latency, "latency", imsim.Latency{}, "how `long` an answer takes: 20ms, 10ms-40ms or p50=20ms,p99=200ms;\nwith ,spike=1%:2s one of a hundred takes 2 s")
	file := flags.String("faults", "", "`file` with faults (below)")
	flags.Uint64Var(&s.config.Seed, "seed", 1, "`number` that decides all chances")
	flags.BoolVar(&s.config.Forgetful, "forgetful", false, "show a msgId again that comes again with resendFlag 0")
	keep := flags.String("keep", "all", "`what` to remember of messages: all, ids (no texts), none (big loads)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stderr, usage)
			flags.SetOutput(stderr)
			flags.PrintDefaults()
			fmt.Fprint(stderr, after)
			return s, err
		}
		return s, fmt.Errorf("%w (imsim --help tells what there is)", err)
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q: there are only flags (imsim --help tells which)", flags.Arg(0))
	}
	return s, s.complete(*keep, *file)
}

// complete checks what the flags can't.
func (s *settings) complete(keep, file string) (err error) {
	known := map[string]imsim.Keep{"all": imsim.KeepAll, "ids": imsim.KeepIDs, "none": imsim.KeepNothing}
	kept, ok := known[keep]
	if !ok {
		return fmt.Errorf("--keep %q: take all, ids or none", keep)
	}
	s.config.Keep = kept
	if s.config.Rate < 0 {
		return fmt.Errorf("--rate %d: take 0 (none) or more", s.config.Rate)
	}
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--faults: %w", err)
	}
	if s.config.Faults, err = imsim.ReadFaults(bytes.NewReader(text)); err != nil {
		return fmt.Errorf("--faults %s: %w", file, err)
	}
	return nil
}
