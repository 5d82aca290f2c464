package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// runOptions are what run is told on its command line.
type runOptions struct {
	ground
	seeds     int
	from      uint64
	kept      string // file of seeds
	times     int    // that each of them is played
	race      bool
	overlay   string
	stopAfter int
	shrink    bool
	coverage  bool
}

func (p *program) runCommand() *cobra.Command {
	o := runOptions{}
	c := &cobra.Command{
		Use: "run", Short: "Play worlds, and tell which broke a promise", Args: cobra.NoArgs,
		Long: `Plays worlds on several processes. What fails is told at once, and then shrunk
to what it takes to fail, with the command that plays it again.

` + exitCodes,
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("from") {
				o.from = uint64(time.Now().Unix()) * 1_000_000
			}
			if o.kept != "" && !c.Flags().Changed("seeds") {
				o.seeds = 0
			}
			if err := o.check(); err != nil {
				return err
			}
			return p.hunt(c.Context(), o)
		},
	}
	f := c.Flags()
	f.IntVar(&o.seeds, "seeds", 1000, "worlds to play; with --seeds-file none unless told")
	f.Uint64Var(&o.from, "from", 0, "the first `SEED`; default: fresh ones, by the clock")
	f.StringVar(&o.kept, "seeds-file", "", "`FILE` with a seed a line, played before the others: SEED # what it found")
	f.IntVar(&o.times, "times", 3, "how often each seed of --seeds-file is played")
	f.IntVar(&o.stopAfter, "stop-after", 3, "seeds that fail, after which no more is played")
	f.BoolVar(&o.shrink, "shrink", true, "look for less of the plan that fails as well")
	f.BoolVar(&o.coverage, "coverage", true, "tell what was seen in the worlds")
	f.BoolVar(&o.race, "race", false, "build with the race detector")
	f.StringVar(&o.overlay, "overlay", "", "`FILE` as of go build -overlay")
	o.flags(c)
	return c
}

func (o *runOptions) check() error {
	var wrong []error
	atLeast := func(name string, got, low int) {
		if got < low {
			wrong = append(wrong, fmt.Errorf("--%s: %d: take %d or more", name, got, low))
		}
	}
	atLeast("seeds", o.seeds, 0)
	atLeast("times", o.times, 1)
	atLeast("stop-after", o.stopAfter, 1)
	if o.seeds == 0 && o.kept == "" {
		wrong = append(wrong, errors.New("--seeds: 0: there is nothing to play without --seeds-file"))
	}
	return errors.Join(append(wrong, o.ground.check())...)
}

// hunt plays everything that the options name.
func (p *program) hunt(ctx context.Context, o runOptions) error {
	var kept []keptSeed
	var err error
	if o.kept != "" {
		if kept, err = readSeeds(o.kept); err != nil {
			return err
		}
	}
	if o.overlay != "" {
		if o.overlay, err = filepath.Abs(o.overlay); err != nil {
			return fmt.Errorf("--overlay: %w", err)
		}
	}
	s, err := p.site()
	if err != nil {
		return err
	}
	defer s.leave()
	binary := filepath.Join(s.temp, "chaos.test")
	if err := p.build(ctx, recipe{root: s.root, pkg: o.pkg, race: o.race, overlay: o.overlay, out: binary}); err != nil {
		return err
	}
	if o.seeds > 0 {
		fmt.Fprintf(p.out, "seeds %d..%d\n", o.from, o.from+uint64(o.seeds)-1)
	}
	total := o.seeds + len(kept)*o.times
	playing, stop := context.WithCancel(ctx)
	defer stop()
	h := &hunt{
		options: o, kept: kept, player: p.player(s, o.ground, binary), tally: newTally(),
		progress: newProgress(p.out, p.err, total), stop: stop,
	}
	// When enough has failed no more is played, but what has failed is still shrunk.
	err = h.player.crowd(playing, o.procs, h.orders(), func(r report) bool {
		if h.count(r) {
			h.tell(ctx, r)
		}
		return true
	})
	h.progress.finish()
	h.sum()
	switch {
	case err != nil:
		return err
	case len(h.failed) > 0:
		return errBroken
	}
	return ctx.Err()
}

// orders are the kept seeds and then the others.
func (h *hunt) orders() iter.Seq[order] {
	return func(yield func(order) bool) {
		for _, k := range h.kept {
			if !yield(order{seed: k.seed, worlds: 1, times: h.options.times}) {
				return
			}
		}
		for o := range chunks(h.options.from, h.options.seeds, chunkSize(h.options.seeds, h.options.procs)) {
			if !yield(o) {
				return
			}
		}
	}
}
