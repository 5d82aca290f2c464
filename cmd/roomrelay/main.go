// Command roomrelay moves chat events from a Kafka topic into chat rooms: the worker, and what goes with
// it: check, config, health, produce, and the operators' verbs for letters.
//
// Exit codes: 0 done; 1 something failed, or a second signal; 2 the command line or a setting is wrong. Those of
// the operators' verbs, dlq and trace: 0 done; 1 failed, or the command line or a setting is wrong; 2 done, with
// something left.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	p := &program{environ: os.Environ(), in: os.Stdin, out: os.Stdout, err: os.Stderr}
	os.Exit(p.run(os.Args[1:], signals))
}
