package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"roomrelay/deadletter"
	"roomrelay/internal/cluster"
	"roomrelay/internal/config"
	"roomrelay/internal/replay"
)

const dlqLong = `Finds, judges, replays and discards letters: the events that could not be delivered. Each verb works on the letters of one group, the configured one, unless --all-groups is given. None of them needs the API's credentials.

Exit codes: 0 done; 1 something failed, or the command line is wrong; 2 done, and something is left that somebody should look at.`

// dlqCommand is the parent of the operators' verbs.
func (p *program) dlqCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "dlq", Short: "Find, judge, replay and discard letters", Long: dlqLong,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
			}
			return c.Help()
		},
	}
	c.AddCommand(p.statsCommand(), p.lsCommand(), p.showCommand(), p.replayCommand(), p.discardCommand(), p.exportCommand(), p.importCommand(), p.exporterCommand())
	return c
}

// operators says whether a command is an operator's verb.
func operators(c *cobra.Command) bool {
	for ; c != nil; c = c.Parent() {
		if c.Name() == "dlq" || c.Name() == "trace" {
			return true
		}
	}
	return false
}

// desk is what the operators' verbs work at.
type desk struct {
	*deadletter.Desk
	p        *program
	settings *config.Settings
	close    func()
}

// sit loads the settings and opens the way to Kafka. topics are those besides the configured ones.
func (p *program) sit(f *config.Flags, topics ...string) (*desk, error) {
	s, err := config.Load(f, p.environ)
	if err != nil {
		return nil, err
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(p.err, "roomrelay: %s\n", w)
	}
	transport, err := p.transport(s)
	if err != nil {
		return nil, err
	}
	for _, t := range topics {
		if t != "" && !slices.Contains(transport.MetadataTopics, t) {
			transport.MetadataTopics = append(transport.MetadataTopics, t)
		}
	}
	c := &cluster.Client{Transport: transport, Addr: s.Addr()}
	return &desk{
		Desk: &deadletter.Desk{Client: c, Topic: s.DeadLetterTopic, Source: s.Topic, Group: s.Group, Progress: replay.Progress(c)},
		p:    p, settings: s, close: transport.CloseIdleConnections,
	}, nil
}

// ledger reads the topic. With full it reads everything, and says if a reading that begins at a checkpoint finds
// something else.
func (d *desk) ledger(ctx context.Context, r deadletter.Reading, full bool) (*deadletter.Ledger, error) {
	// Nearly all of the memory lives on to the end: a smaller share of garbage costs little time.
	debug.SetGCPercent(50)
	if !full {
		l, err := d.Read(ctx, r)
		if err == nil {
			d.tellUnreadable(l)
		}
		return l, d.explained(err)
	}
	brief := r
	brief.Full, brief.Done = false, false
	short, err := d.Read(ctx, brief)
	if err != nil {
		return nil, d.explained(err)
	}
	r.Full = true
	l, err := d.Read(ctx, r)
	if err != nil {
		return nil, d.explained(err)
	}
	d.tellUnreadable(l)
	if hidden, shown := differences(short, l), differences(l, short); hidden+shown > 0 {
		fmt.Fprintf(d.p.err, "roomrelay: the checkpoints on %s were wrong (or something happened meanwhile): they hid %s and showed %s that are done. The whole reading counts, and has left new ones.\n",
			d.Topic, plural(hidden, "outstanding letter", "outstanding letters"), plural(shown, "letter", "letters"))
	}
	return l, nil
}

// differences counts the letters that are outstanding by b and not by a.
func differences(a, b *deadletter.Ledger) (n int) {
	known := map[deadletter.Identity]bool{}
	for _, e := range a.Entries {
		if e.State == deadletter.Outstanding {
			known[e.Identity] = true
		}
	}
	for _, e := range b.Entries {
		if e.State == deadletter.Outstanding && !known[e.Identity] {
			n++
		}
	}
	return n
}

// explained adds to an error of Kafka what an operator can do.
func (d *desk) explained(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return errors.New("stopped before the end")
	case errors.Is(err, cluster.ErrMissing):
		return fmt.Errorf("%w; check --topic and --dead-letter-topic", err)
	case cluster.Denied(err):
		return fmt.Errorf("%w (reading letters needs READ on topic %s, DESCRIBE on topic %s and on group %s; docs/security.md lists the permissions of each verb)",
			err, d.Topic, d.Source, d.Group)
	}
	if text := explainKafka(err); strings.HasPrefix(err.Error(), "reaching Kafka") && !strings.HasPrefix(text, "reaching Kafka") {
		return fmt.Errorf("Kafka can't be reached: %s", text) //nolint:revive,staticcheck // a name has its capital
	}
	return errors.New(explainKafka(err))
}
