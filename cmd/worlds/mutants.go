package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// mutantOptions are what mutants is told on its command line.
type mutantOptions struct {
	ground
	seeds int
	from  uint64
	dir   string
}

func (p *program) mutantsCommand() *cobra.Command {
	o := mutantOptions{}
	c := &cobra.Command{
		Use: "mutants [NAME...]", Short: "Plant defects, and see how soon worlds find them",
		Long: `Plants each defect of a directory, or those that are named, and plays worlds
until one of them fails.

` + exitCodes,
		RunE: func(c *cobra.Command, names []string) error {
			if o.seeds < 1 {
				return fmt.Errorf("--seeds: %d: take 1 or more", o.seeds)
			}
			if err := o.check(); err != nil {
				return err
			}
			return p.plantAll(c.Context(), o, names)
		},
	}
	f := c.Flags()
	f.IntVar(&o.seeds, "seeds", 2000, "worlds to play, at most, for each defect")
	f.Uint64Var(&o.from, "from", 1, "the first `SEED`")
	f.StringVar(&o.dir, "dir", "internal/chaos/mutants", "`DIR` of the defects, in this module")
	o.flags(c)
	return c
}

// planting is defects that are planted one after the other.
type planting struct {
	*program
	options mutantOptions
	site    *site
	width   int // of the longest name
}

// finding is what has come of a defect.
type finding struct {
	found bool
	seed  uint64 // the lowest that finds it
	rule  string
	err   error // it could not be planted
	took  time.Duration
}

func (p *program) plantAll(ctx context.Context, o mutantOptions, names []string) error {
	s, err := p.site()
	if err != nil {
		return err
	}
	defer s.leave()
	files, err := chosen(filepath.Join(s.root, o.dir), names)
	if err != nil {
		return err
	}
	x := &planting{program: p, options: o, site: s, width: len("mutant")}
	for _, f := range files {
		x.width = max(x.width, len(mutantName(f)))
	}
	fmt.Fprintf(p.out, "%-*s  %9s  %-8s  %7s\n", x.width, "mutant", "seeds", "rule", "seconds")
	found, err := x.all(ctx, files)
	fmt.Fprintf(p.out, "%d found, %d not found\n", found, len(files)-found)
	if err == nil && found < len(files) {
		return errBroken
	}
	return err
}

// all plants the mutants of files, and counts those that are found.
func (x *planting) all(ctx context.Context, files []string) (found int, err error) {
	for _, f := range files {
		m, err := readMutant(f)
		got := finding{err: err}
		if err == nil {
			if got, err = x.look(ctx, m); err != nil {
				return found, err
			}
		}
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
		x.row(m, got)
		if got.found {
			found++
		}
	}
	return found, nil
}

// chosen are the files of the mutants that are named, or of all.
func chosen(dir string, names []string) ([]string, error) {
	files, err := mutantFiles(dir)
	if err != nil || len(names) == 0 {
		return files, err
	}
	var all []string
	for _, name := range names {
		i := slices.IndexFunc(files, func(f string) bool { return mutantName(f) == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no mutant %s in %s", name, dir)
		}
		all = append(all, files[i])
	}
	return all, nil
}

// look plants a mutant and plays until it is found. The error is of playing; that of planting is a finding.
func (x *planting) look(ctx context.Context, m mutant) (finding, error) {
	began := time.Now()
	got := finding{}
	dir, err := os.MkdirTemp(x.site.temp, "mutant-")
	if err != nil {
		return got, fmt.Errorf("making a directory for %s: %w", m.name, err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := m.plant(x.site.root, dir)
	binary := filepath.Join(dir, "chaos.test")
	if err == nil {
		err = x.build(ctx, recipe{root: x.site.root, pkg: x.options.pkg, overlay: overlay, out: binary})
	}
	if err != nil {
		got.err = err
		return got, nil
	}
	player := x.player(x.site, x.options.ground, binary)
	r, err := player.lowest(ctx, x.options.from, x.options.seeds, x.options.procs)
	if r != nil {
		got.found, got.seed, got.rule = true, r.Seed, r.Violations[0].Rule
	}
	got.took = time.Since(began)
	return got, err
}

// row tells what has come of a mutant.
func (x *planting) row(m mutant, got finding) {
	seeds, rest := "NOT FOUND", ""
	switch {
	case got.err != nil:
		seeds, rest = "ERROR", indented(got.err.Error())
	case got.found:
		seeds = strconv.FormatUint(got.seed-x.options.from+1, 10)
	default:
		rest = indented(m.why)
	}
	fmt.Fprintf(x.out, "%-*s  %9s  %-8s  %7.1f\n%s", x.width, m.name, seeds, got.rule, got.took.Seconds(), rest)
}

// smallChunk is the worlds of a process while the first failure is looked for: most come soon.
const smallChunk = 10

// lowest is the report of the lowest seed that fails; nil: none does. All seeds below it have been played.
func (p *player) lowest(ctx context.Context, from uint64, seeds, procs int) (*report, error) {
	var mu sync.Mutex // guards best
	var best *report
	wanted := func(seed uint64) bool { return best == nil || seed < best.Seed }
	orders := func(yield func(order) bool) {
		for o := range chunks(from, seeds, smallChunk) {
			mu.Lock()
			more := wanted(o.seed)
			mu.Unlock()
			if !more || !yield(o) {
				return
			}
		}
	}
	err := p.crowd(ctx, procs, orders, func(r report) bool {
		mu.Lock()
		defer mu.Unlock()
		if len(r.Violations) > 0 && wanted(r.Seed) {
			best = &r
		}
		return wanted(r.Seed + 1)
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return best, err
}
