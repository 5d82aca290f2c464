package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"roomrelay/deadletter"
	"roomrelay/internal/config"
	"roomrelay/internal/replay"
)

// doFlags are those of verbs that do something with letters.
type doFlags struct {
	filter *filterFlags
	yes    bool
	dryRun bool
	json   bool
	by     string
	why    string

	markForeign bool
}

func newDoFlags(set *pflag.FlagSet) *doFlags {
	x := &doFlags{filter: newFilterFlags(set)}
	set.Lookup("limit").Usage = "at most so many, those that failed first; 0: all"
	set.BoolVar(&x.yes, "yes", false, "don't ask")
	set.BoolVar(&x.dryRun, "dry-run", false, "only tell what would be done")
	set.BoolVar(&x.json, "json", false, "tell the outcome as one JSON object")
	set.BoolVar(&x.markForeign, "mark-foreign", false, "mark letters that something else wrote (Kafka Connect, Spring, share groups), too, on their topic")
	set.StringVar(&x.by, "by", whoever(), "`name` that is kept with the marks")
	return x
}

// whoever is the user and the host of this process, as far as they are known.
func whoever() string {
	name := cmp.Or(os.Getenv("USER"), "somebody")
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

func whose(group string) string {
	if group == "" {
		return "all groups"
	}
	return "group " + group
}

// oldest cuts a list to those that failed first, as many as --limit allows.
func (x *filterFlags) oldest(entries []*deadletter.Entry) []*deadletter.Entry {
	if x.limit > 0 && len(entries) > x.limit {
		return entries[:x.limit]
	}
	return entries
}

// plan is what is about to be done.
type plan struct {
	verb, to, from, whose string
	chosen                []*deadletter.Entry
	aside                 map[string]int // left aside, by why
}

func (x *plan) write(out io.Writer) {
	fmt.Fprintf(out, "%s %s of %s on %s %s\n", x.verb, plural(len(x.chosen), "letter", "letters"), x.whose, x.from, x.to)
	if len(x.chosen) > 0 {
		type kind struct{ reason, outcome string }
		counts := map[kind]int{}
		for _, e := range x.chosen {
			counts[kind{e.Reason, e.Outcome}]++
		}
		t := newTable("  REASON", "OUTCOME", "#LETTERS")
		for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b kind) int {
			return cmp.Or(counts[b]-counts[a], cmp.Compare(a.reason, b.reason), cmp.Compare(a.outcome, b.outcome))
		}) {
			t.row("  "+safe(k.reason), safe(k.outcome), grouped(counts[k]))
		}
		t.write(out)
	}
	writeAside(out, x.aside)
}

func writeAside(out io.Writer, aside map[string]int) {
	if len(aside) == 0 {
		return
	}
	fmt.Fprintln(out, "Left aside:")
	for _, c := range ranked(aside) {
		fmt.Fprintf(out, "  %9s  %s\n", grouped(c.Count), safe(c.What))
	}
}

// agree shows the plan, and asks unless it needn't. When it says no, the error is the verb's outcome.
func (p *program) agree(x *plan, f *doFlags) (bool, error) {
	if len(x.chosen) == 0 && len(x.aside) == 0 {
		fmt.Fprintln(p.err, "No outstanding letters are chosen.")
		return false, nil
	}
	x.write(p.err)
	switch {
	case f.dryRun:
		return false, nil
	case len(x.chosen) == 0:
		return false, errLeft
	case f.yes:
		return true, nil
	}
	if file, ok := p.in.(*os.File); ok && !isTerminal(file) {
		return false, errors.New("there is nobody to ask: say --yes, or --dry-run")
	}
	fmt.Fprint(p.err, "Go on? [y/N] ")
	answer, err := bufio.NewReader(p.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		fmt.Fprintln(p.err, "Nothing was done.")
		return false, errTold
	}
	return true, nil
}

const discardLong = `Marks outstanding letters as done without sending them. First it counts them and asks. What they were stays on the topic until retention takes it, with who discarded them, when and why.

Exit codes: 0 all were marked; 1 something failed; 2 some were left aside.`

func (p *program) discardCommand() *cobra.Command {
	var x *doFlags
	c := p.command("discard", "Mark letters as done without sending them", discardLong, config.Operator, func(ctx context.Context, f *config.Flags) error {
		if strings.TrimSpace(x.why) == "" {
			return config.Mistakes{{Name: "why", Problem: "is required: it is kept with the marks"}}
		}
		return p.discard(ctx, f, x)
	})
	x = newDoFlags(c.Flags())
	c.Flags().StringVar(&x.why, "why", "", "`text` that is kept with the marks (required)")
	return c
}

func (p *program) discard(ctx context.Context, f *config.Flags, x *doFlags) error {
	d, err := p.sit(f)
	if err != nil {
		return err
	}
	defer d.close()
	filter, err := x.filter.load(d.settings, time.Now())
	if err != nil {
		return err
	}
	l, err := d.ledger(ctx, deadletter.Reading{Filter: filter}, x.filter.full)
	if err != nil {
		return err
	}
	chosen, aside := replay.ChooseDone(l, l.Matching(deadletter.Outstanding), x.markForeign)
	chosen = x.filter.oldest(chosen)
	plan := &plan{verb: "Discard", from: d.Topic, whose: whose(filter.Group), chosen: chosen, aside: aside}
	goOn, err := p.agree(plan, x)
	if err != nil || !goOn {
		return err
	}
	bar := p.counter("discarding", len(chosen))
	r := replay.New(replay.Config{Desk: d.Desk, Ledger: l, By: x.by, Why: x.why, Report: func(m replay.Report) { bar.set(m.Done) }}, chosen)
	out, err := r.Discard(ctx)
	bar.finish()
	rest := len(chosen) - out.Published - out.Elsewhere
	if x.json {
		_ = writeLine(p.out, map[string]any{"discarded": out.Published, "markedByOthers": out.Elsewhere, "leftAside": aside, "notReached": rest})
	} else {
		fmt.Fprintf(p.err, "Discarded: %s.\n", plural(out.Published, "letter", "letters"))
	}
	switch {
	case errors.Is(err, replay.ErrStopped):
		fmt.Fprintf(p.err, "roomrelay: %v; not reached: %s.\n", err, grouped(rest))
		return errLeft
	case err != nil:
		return d.explained(err)
	case len(aside) > 0:
		return errLeft
	}
	return nil
}
