package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"roomrelay/internal/config"
)

// program is one run of the command, with all that it may touch.
type program struct {
	environ  []string
	in       io.Reader
	out, err io.Writer

	dial func(context.Context, string, string) (net.Conn, error) // to Kafka; nil: the network

	began bool // a command's own code has begun: what fails from here on isn't the command line
}

const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2 // of what isn't an operator's verb
	exitLeft   = 2 // of an operator's verb: done, with something left
)

// errTold is the error of a command that has said itself what is wrong.
var errTold = errors.New("told already")

// errLeft is the outcome of an operator's verb that has done its work and said what is left.
var errLeft = errors.New("something is left")

// run executes the command line. The first signal ends the command in order, the second one at once.
func (p *program) run(args []string, signals <-chan os.Signal) int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan int, 1)
	go func() { ended <- p.execute(ctx, args) }()
	select {
	case code := <-ended:
		return code
	case <-signals:
		stop()
	}
	select {
	case code := <-ended:
		return code
	case <-signals:
		return exitFailed
	}
}

func (p *program) execute(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	c, err := root.ExecuteContextC(ctx)
	usage := exitUsage
	if operators(c) {
		usage = exitFailed // 2 says there that something is left
	}
	switch mistakes, wrong := errors.AsType[config.Mistakes](err); {
	case err == nil:
		return exitFine
	case errors.Is(err, errLeft):
		return exitLeft
	case errors.Is(err, errTold):
		return exitFailed
	case wrong:
		for _, m := range mistakes {
			fmt.Fprintf(p.err, "roomrelay: %v\n", m)
		}
		return usage
	case !p.began:
		fmt.Fprintf(p.err, "roomrelay: %v\nSee %s --help.\n", err, c.CommandPath())
		return usage
	default:
		fmt.Fprintf(p.err, "roomrelay: %v\n", err)
		return exitFailed
	}
}

// transport is the way to Kafka. Files that change meanwhile are told to nobody: no command but the worker lasts long.
func (p *program) transport(s *config.Settings) (*kafka.Transport, error) {
	d, err := s.Dialer(p.dial, zerolog.Nop())
	if err != nil {
		return nil, err
	}
	return s.Transport(d), nil
}

const about = "Moves chat events from a Kafka topic into chat rooms of the NetEase IM API."

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use: "roomrelay", Long: about, Version: versionText(),
		SilenceErrors: true, SilenceUsage: true,
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.AddCommand(p.workerCommand(), p.produceCommand(), p.checkCommand(), p.healthCommand(), p.configCommand(), p.dlqCommand(), p.traceCommand(), &cobra.Command{
		Use: "version", Short: "Say which version this is", Args: cobra.NoArgs,
		Run: func(*cobra.Command, []string) { fmt.Fprintln(p.out, versionText()) },
	})
	return root
}

// command makes a subcommand with the settings that it uses.
func (p *program) command(name, short, long string, use config.Use, run func(context.Context, *config.Flags) error) *cobra.Command {
	return p.commandOf(name, short, long, use, cobra.NoArgs, func(ctx context.Context, f *config.Flags, _ []string) error { return run(ctx, f) })
}

// commandOf makes a subcommand that takes arguments; name may show them.
func (p *program) commandOf(name, short, long string, use config.Use, args cobra.PositionalArgs, run func(context.Context, *config.Flags, []string) error) *cobra.Command {
	var flags *config.Flags
	c := &cobra.Command{
		Use: name, Short: short, Long: long, Args: args,
		RunE: func(c *cobra.Command, args []string) error {
			p.began = true
			return run(c.Context(), flags, args)
		},
	}
	flags = config.NewFlags(c.Flags(), use)
	for name, of := range config.Choices(use) {
		_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(of, cobra.ShellCompDirectiveNoFileComp)) // it fails for an unknown flag only
	}
	c.SetHelpFunc(func(c *cobra.Command, _ []string) { p.help(c, use) })
	return c
}

// help is told by section and fits the terminal: cobra's own would be one list of fifty flags.
func (p *program) help(c *cobra.Command, use config.Use) {
	width := width(p.out)
	for i, paragraph := range strings.Split(c.Long, "\n\n") {
		if i > 0 {
			fmt.Fprintln(p.out)
		}
		config.Wrap(p.out, paragraph, "", width)
	}
	fmt.Fprintf(p.out, "\nUsage:\n  %s\n\n", c.UseLine())
	fmt.Fprintln(p.out, "Flags:")
	c.InitDefaultHelpFlag()
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if config.IsSetting(f) {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(p.out, "  --%s\n", strings.TrimSpace(f.Name+" "+kind))
		if d := f.DefValue; !slices.Contains([]string{"", "0", "0s", "[]", "false", "-"}, d) && !strings.Contains(usage, "(default") {
			usage += " (default " + d + ")"
		}
		config.Wrap(p.out, usage, "      ", width)
	})
	fmt.Fprintln(p.out)
	config.Wrap(p.out, "Each of the settings below may stand in a ROOMRELAY_* variable (ROOMRELAY_TOPIC) or in the file (topic: chat) instead. A flag wins over a variable, and that over the file.", "", width)
	fmt.Fprintln(p.out)
	config.Usage(p.out, use, width)
}

// widest is how far help goes on a wide terminal: longer lines are hard to read.
const widest = 110

// width is that of the terminal behind w, or 80.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return min(n, widest)
		}
	}
	return 80
}

// version is set when a release is built (-ldflags "-X main.version=...").
var version string

func versionText() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
