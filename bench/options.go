package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

type options struct {
	only    []string
	pairs   int
	json    bool
	list    bool
	brokers []string
	chat    string
	worker  string // path of the binary; "": it is built
	profile string // folder for CPU profiles of the worker; "": none
}

const about = `Measures the whole job (broker, worker, API, producer: a process each) in named
scenarios, against limits that are measured in turn with it:
  (a) full batches, encoded and signed beforehand, POSTed by a bare net/http client
  (b) the same topic read by the fetch path alone
  (c) for recorded chat, what could be done at best with the same arrivals and quota

  go run ./bench --list
  go run ./bench --only 20ms,hot-above --pairs 2

Flags:
`

// parse reads the command line; --help was answered if the error is pflag.ErrHelp.
func parse(args []string, stdout io.Writer) (*options, error) {
	o := &options{}
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringSliceVar(&o.only, "only", nil, "`names` of scenarios; default: all but those marked with +")
	flags.IntVar(&o.pairs, "pairs", 5, "how many `times` worker and limit run, in turn")
	flags.BoolVar(&o.json, "json", false, "print everything as JSON")
	flags.BoolVar(&o.list, "list", false, "say which scenarios there are")
	flags.StringSliceVar(&o.brokers, "brokers", nil, "`addresses` of a Kafka cluster to use instead of the embedded broker")
	flags.StringVar(&o.chat, "chat", "", "`file` with recorded chat, for the scenario of that name")
	flags.StringVar(&o.worker, "worker", "", "`path` of a built roomrelay; default: it is built from this tree")
	flags.StringVar(&o.profile, "profile", "", "`folder` for a CPU profile of each worker; profiling slows it a little")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			fmt.Fprint(stdout, about, flags.FlagUsagesWrapped(80))
		}
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%q: there are only flags", flags.Arg(0))
	}
	if o.profile != "" && o.worker != "" {
		return nil, errors.New("--profile: only a worker that is built here can be profiled, so leave --worker out")
	}
	if o.pairs < 1 {
		return nil, fmt.Errorf("--pairs %d: take 1 or more", o.pairs)
	}
	for _, name := range o.only {
		if !slices.ContainsFunc(scenarios, func(s scenario) bool { return s.name == name }) {
			return nil, fmt.Errorf("--only %s: there is no such scenario; there are %s", name, strings.Join(names(), ", "))
		}
	}
	return o, nil
}

// chosen are the scenarios to be played, in the order of the list.
func (o *options) chosen() (all []scenario) {
	for _, s := range scenarios {
		if slices.Contains(o.only, s.name) || len(o.only) == 0 && !s.extra {
			all = append(all, s)
		}
	}
	return all
}

func names() (all []string) {
	for _, s := range scenarios {
		all = append(all, s.name)
	}
	return all
}

func list(out io.Writer) {
	for _, s := range scenarios {
		mark := " "
		if s.extra {
			mark = "+"
		}
		fmt.Fprintf(out, "%s %-13s %s\n", mark, s.name, s.about)
	}
}
