package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"roomrelay/deadletter"
	"roomrelay/internal/config"
	"roomrelay/internal/telemetry"
)

const exporterLong = `Reads the dead-letter topic now and then, and serves what it finds as Prometheus metrics, for alerts: letters outstanding by reason, the age of the oldest one, the time until retention takes it, replays on their way. Also /livez, and /readyz, which is ready while readings go well. It runs until it is stopped.

A reading leaves a checkpoint on the topic where it may write there, so that the next one reads only what is new; elsewhere each reads the whole topic. It never takes more than a tenth of the time.`

func (p *program) exporterCommand() *cobra.Command {
	var listen string
	var every time.Duration
	var allGroups bool
	c := p.command("exporter", "Serve metrics of letters", exporterLong, config.Operator, func(ctx context.Context, f *config.Flags) error {
		if every < time.Second {
			return config.Mistakes{{Name: "every", Source: "flag --every", Got: every.String(), Problem: "takes 1s or more"}}
		}
		d, err := p.sit(f)
		if err != nil {
			return err
		}
		defer d.close()
		x := &exporter{desk: d, metrics: telemetry.NewLetters(versionText(), append(reasons(), deadletter.ReasonForeign)), every: every}
		if !allGroups {
			x.group = d.settings.Group
		}
		return x.run(ctx, listen)
	})
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:9465", "`address` to serve on")
	c.Flags().DurationVar(&every, "every", time.Minute, "time between readings")
	c.Flags().BoolVar(&allGroups, "all-groups", false, "letters of every group, not only of the configured one")
	return c
}

// exporter is one under way.
type exporter struct {
	*desk
	metrics *telemetry.Letters
	every   time.Duration
	group   string
	failure atomic.Pointer[error] // of the last reading; nil: it went well, or there was none
	readAny atomic.Bool
}

func (x *exporter) run(ctx context.Context, listen string) error {
	admin, err := telemetry.Listen(listen, x.metrics, x.ready)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- admin.Run(ctx)
		stop()
	}()
	fmt.Fprintf(x.p.err, "Serving metrics of letters on http://%s/metrics\n", admin.Addr())
	for ctx.Err() == nil {
		begun := time.Now()
		x.read(ctx)
		// A topic that takes long to be read isn't read all the time.
		wait := max(x.every, 9*time.Since(begun)) - time.Since(begun)
		select {
		case <-ctx.Done():
		case <-time.After(max(wait, 0)):
		}
	}
	return <-served
}

var errNotRead = errors.New("the dead-letter topic isn't read yet")

func (x *exporter) ready() error {
	if err := x.failure.Load(); err != nil {
		return *err
	}
	if !x.readAny.Load() {
		return errNotRead
	}
	return nil
}

// read takes a sample. What fails is told when it begins to, not each time.
func (x *exporter) read(ctx context.Context) {
	s, err := x.sample(ctx)
	if ctx.Err() != nil {
		return
	}
	before := x.failure.Load()
	if err == nil {
		x.failure.Store(nil)
		x.readAny.Store(true)
		x.metrics.Read(s)
		if before != nil {
			fmt.Fprintln(x.p.err, "roomrelay: the dead-letter topic is read again")
		}
		return
	}
	err = x.explained(err)
	x.metrics.Failed()
	x.failure.Store(&err)
	if before == nil || (*before).Error() != err.Error() {
		fmt.Fprintf(x.p.err, "roomrelay: %v; trying again\n", err)
	}
}

func (x *exporter) sample(ctx context.Context) (*telemetry.LettersSample, error) {
	begun := time.Now()
	l, err := x.Read(ctx, deadletter.Reading{Filter: deadletter.Filter{Group: x.group}})
	if err != nil {
		return nil, err
	}
	s := &telemetry.LettersSample{
		Outstanding: map[string]int{}, OnTheirWay: len(l.Matching(deadletter.OnItsWay)), Taken: l.Taken, Unreadable: l.Unreadable, Read: time.Now(),
	}
	var written deadletter.Moment
	for _, e := range l.Matching(deadletter.Outstanding) {
		s.Outstanding[e.Reason]++
		if at := e.FirstFailedAt.Time(); s.Oldest.IsZero() || at.Before(s.Oldest) {
			s.Oldest = at
		}
		if written == 0 || e.Written < written {
			written = e.Written
		}
	}
	// Without the permission to read the topic's settings the time that is left isn't known.
	if settings, err := x.Client.Config(ctx, x.Topic, "retention.ms"); err == nil && written != 0 {
		if ms, err := strconv.ParseInt(settings["retention.ms"], 10, 64); err == nil && ms >= 0 {
			s.TakenFrom = written.Time().Add(time.Duration(ms) * time.Millisecond)
		}
	}
	s.Took = time.Since(begun)
	return s, nil
}
