package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// program is one run of the command, with all that it may touch.
type program struct {
	out, err io.Writer
	root     string // of the module; "": the one around the working directory

	build func(context.Context, recipe) error
	start func(binary string, args ...string) *exec.Cmd // makes a test process
	late  func(seed uint64) <-chan time.Time            // as of player; nil: by the clock
}

const (
	exitFine        = 0
	exitBroken      = 1
	exitTrouble     = 2
	exitInterrupted = 130
)

// errBroken is the end of a command that has told itself what it found.
var errBroken = errors.New("told already")

func (p *program) run(ctx context.Context, args []string) int {
	root := p.commands()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errBroken):
		return exitBroken
	case ctx.Err() != nil:
		fmt.Fprintln(p.err, "worlds: interrupted")
		return exitInterrupted
	default:
		fmt.Fprintf(p.err, "worlds: %v\n", err)
		return exitTrouble
	}
}

const about = `Plays whole worlds (an embedded broker, a simulator of the API, whole workers)
drawn from seeds, and tells which of them broke a promise.

` + exitCodes

const exitCodes = `Exit codes: 0 nothing was broken, every defect was found; 1 something was, or
one wasn't; 2 the command line is wrong, or the worlds can't be built or played;
130 interrupted before anything was broken.`

func (p *program) commands() *cobra.Command {
	root := &cobra.Command{
		Use: "worlds", Long: about,
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 80 "))
	root.AddCommand(p.runCommand(), p.mutantsCommand())
	return root
}

// ground is what playing needs, whatever is played.
type ground struct {
	pkg   string
	procs int
	limit time.Duration
}

func (g *ground) flags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&g.pkg, "pkg", "./internal/chaos", "`DIR` of the package with the worlds, in this module")
	f.IntVar(&g.procs, "procs", runtime.NumCPU(), "processes at once")
	f.DurationVar(&g.limit, "hang", time.Minute, "real time after which a world hangs")
}

func (g *ground) check() error {
	if g.procs < 1 {
		return fmt.Errorf("--procs: %d: take 1 or more", g.procs)
	}
	if g.limit <= 0 {
		return fmt.Errorf("--hang: %v: take more than 0", g.limit)
	}
	return nil
}

// site is the module, and a directory for what is needed only as long as the program runs.
type site struct {
	root string
	temp string
}

func (p *program) site() (*site, error) {
	root := p.root
	if root == "" {
		here, err := os.Getwd()
		if err == nil {
			root, err = moduleRoot(here)
		}
		if err != nil {
			return nil, fmt.Errorf("looking for the module: %w", err)
		}
	}
	temp, err := os.MkdirTemp("", "worlds-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary directory: %w", err)
	}
	return &site{root: root, temp: temp}, nil
}

func (s *site) leave() { _ = os.RemoveAll(s.temp) }

// player plays with a binary that has been built.
func (p *program) player(s *site, g ground, binary string) *player {
	late := p.late
	if late == nil {
		late = within(g.limit)
	}
	return &player{
		command: func(args ...string) *exec.Cmd { return p.start(binary, args...) },
		dir:     filepath.Join(s.root, g.pkg), reports: s.temp, late: late,
	}
}
