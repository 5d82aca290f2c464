package main

import (
	"context"
	"fmt"
	"io"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"roomrelay/internal/config"
)

func (p *program) checkCommand() *cobra.Command {
	return p.command("check", "See whether brokers, topics, endpoints, credentials and clock are in order",
		"Looks at everything that a worker with these settings needs, and says a line of each. It writes nothing to Kafka, joins no group, and makes one call of the API an endpoint: an empty one, which shows nothing to anybody. Exits with 1 if anything is wrong.",
		config.Worker, func(ctx context.Context, f *config.Flags) error {
			s, err := config.Load(f, p.environ)
			if err != nil {
				return err
			}
			return p.check(ctx, s)
		})
}

func (p *program) check(ctx context.Context, s *config.Settings) error {
	dialer, err := s.Dialer(p.dial, zerolog.Nop())
	if err != nil {
		return err
	}
	transport := s.Transport(dialer)
	defer transport.CloseIdleConnections()
	r := &report{out: p.out}
	for _, w := range s.Warnings {
		r.note("settings", "%s", w)
	}
	k := &kafkaCheck{report: r, settings: s, client: client(s, transport), dialer: dialer}
	k.run(ctx)
	a := &apiCheck{report: r, settings: s}
	a.run(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("stopped before the end")
	}
	if r.failed > 0 {
		fmt.Fprintf(p.err, "roomrelay: %d of these must be mended before a worker can do its work.\n", r.failed)
		return errTold
	}
	return nil
}

// report is a line for each thing that was looked at.
type report struct {
	out    io.Writer
	failed int
}

func (r *report) line(state, what, format string, args []any) {
	fmt.Fprintf(r.out, "%-5s %s: %s\n", state, what, fmt.Sprintf(format, args...))
}

// ok: it is in order.
func (r *report) ok(what, format string, args ...any) { r.line("ok", what, format, args) }

// note: it works, and somebody should look at it.
func (r *report) note(what, format string, args ...any) { r.line("note", what, format, args) }

// fail: a worker can't do its work.
func (r *report) fail(what, format string, args ...any) {
	r.failed++
	r.line("FAIL", what, format, args)
}
