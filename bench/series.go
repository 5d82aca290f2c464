package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"roomrelay/bench/internal/figures"
)

// result is all runs of a scenario.
type result struct {
	scenario *scenario
	own      []*outcome   // of the worker, a run each
	others   [][]*outcome // of each rival; one that has no pairs has one run
	skipped  string       // why it wasn't played
}

// measure plays the chosen scenarios. The report holds what there is, also with an error.
func measure(ctx context.Context, o *options, stdout, stderr io.Writer) (*report, error) {
	r := &report{Began: time.Now(), Machine: machineText(), Pairs: o.pairs}
	binary, err := build(ctx, o)
	if err != nil {
		return nil, err
	}
	defer binary.remove()
	if !o.json {
		r.head(stdout)
	}
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	for _, s := range o.chosen() {
		if s.shape.Chat != "" {
			s.shape.Chat = o.chat
		}
		x := &result{scenario: &s}
		r.results = append(r.results, x)
		var err error
		if s.shape.Chat == "" && s.name == "chat" {
			x.skipped = "it needs a file with recorded chat: --chat"
		} else {
			err = x.play(ctx, newWatch(watching), o, binary, stderr)
		}
		if !o.json {
			x.write(stdout)
		}
		if err != nil {
			return r, fmt.Errorf("scenario %s: %w", s.name, err)
		}
	}
	return r, nil
}

// play runs worker and rivals in turn: forwards, then backwards, so that what drifts hits all alike.
func (x *result) play(ctx context.Context, w *watch, o *options, binary *built, stderr io.Writer) error {
	s := x.scenario
	st, err := newStage(ctx, w, o, s)
	if err != nil {
		return err
	}
	defer st.close()
	pairs := o.pairs
	if s.once {
		pairs = 1
	}
	x.others = make([][]*outcome, len(s.against))
	for pair := range pairs {
		order := make([]int, 0, len(s.against)+1) // -1: the worker
		for i := -1; i < len(s.against); i++ {
			order = append(order, i)
		}
		if pair%2 == 1 {
			for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
				order[i], order[j] = order[j], order[i]
			}
		}
		for _, i := range order {
			if i >= 0 && s.against[i].once && pair > 0 {
				continue
			}
			fmt.Fprintf(stderr, "\r\x1b[K%s, %d of %d: %s", s.name, pair+1, pairs, x.label(i))
			err := x.one(ctx, st, i, binary)
			fmt.Fprint(stderr, "\r\x1b[K")
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *result) label(i int) string {
	if i < 0 {
		return "worker"
	}
	return x.scenario.against[i].label
}

// one makes one run, of the worker or of a rival.
func (x *result) one(ctx context.Context, st *stage, i int, binary *built) error {
	if i < 0 {
		o, err := st.playWorker(ctx, x.scenario, binary)
		if err == nil {
			x.own = append(x.own, o)
		}
		return err
	}
	other := *x.scenario
	rival := x.scenario.against[i]
	if rival.change != nil {
		rival.change(&other)
	}
	o, err := st.playRival(ctx, &other, rival.kind, binary)
	if err != nil {
		return fmt.Errorf("%s: %w", rival.label, err)
	}
	x.others[i] = append(x.others[i], o)
	return nil
}

// spread is a figure of the worker over its runs.
func (x *result) spread(m metric) figures.Spread {
	var all []float64
	for _, o := range x.own {
		all = append(all, m.of(o))
	}
	return figures.SpreadOf(all)
}

// ratio is the worker's figure by a rival's, in each pair of runs.
func (x *result) ratio(m metric, rival int) figures.Spread {
	var all []float64
	for i, o := range x.own {
		if len(x.others[rival]) == 0 {
			break
		}
		k := min(i, len(x.others[rival])-1)
		if i > k && !x.scenario.against[rival].once {
			break // the run was interrupted before this pair was whole
		}
		if by := m.of(x.others[rival][k]); by != 0 {
			all = append(all, m.of(o)/by)
		}
	}
	return figures.SpreadOf(all)
}

// rivalOf is the index of the rival of that kind; -1: there is none.
func (x *result) rivalOf(k kind) int {
	for i, r := range x.scenario.against {
		if r.kind == k {
			return i
		}
	}
	return -1
}

// bound says why the runs prove nothing of the worker; "": they do.
func (x *result) bound() string {
	const busy = 0.9
	var rest, whole, foreign []float64
	for _, o := range x.own {
		foreign = append(foreign, o.Foreign)
		if o.Rest >= 0 {
			rest = append(rest, o.Rest)
		} else {
			whole = append(whole, o.Own)
		}
	}
	switch {
	case figures.SpreadOf(foreign).Median > 0.05:
		return fmt.Sprintf("other programs took %.0f %% of the machine", 100*figures.SpreadOf(foreign).Median)
	case figures.SpreadOf(rest).Median > busy:
		return fmt.Sprintf("bound by the rest: its cores were %.0f %% busy", 100*figures.SpreadOf(rest).Median)
	case figures.SpreadOf(whole).Median > busy:
		return fmt.Sprintf("bound by the machine: all cores were %.0f %% busy", 100*figures.SpreadOf(whole).Median)
	}
	return ""
}

// broken says what no run may have.
func (x *result) broken() (all []string) {
	for _, o := range x.own {
		for _, c := range []struct {
			n    int
			what string
		}{{o.Swapped, "swapped within a lane"}, {o.Lost, "lost"}, {o.Repeated, "sent again"}, {o.Stray, "in a call that must not be"}} {
			if c.n > 0 {
				all = append(all, fmt.Sprintf("%d messages %s", c.n, c.what))
			}
		}
	}
	return all
}
