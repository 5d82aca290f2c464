package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"roomrelay/deadletter"
	"roomrelay/event"
	"roomrelay/internal/config"
	"roomrelay/internal/replay"
)

const replayLong = `Publishes outstanding letters to their topic again, with resendFlag 1, so that the worker sends them; then marks them. First it counts what it is about to do and asks. Letters that come back while it works aren't chased.

Each goes to the partition that it came from, under the key that it had, and letters of a room in the order in which their events first stood. Live chat goes first: see --max-unsettled, --room-rate and --ignore-lag. Ctrl-C stops it in order: what is published by then is marked, and running it again goes on from there. After a crash up to 500 letters may be published once more; the API then drops what it has by its msgId.

Exit codes: 0 all were published (and, with --wait, settled without coming back); 1 something failed; 2 some were left aside, came back, or aren't settled yet.`

// replayFlags are what a replay is told.
type replayFlags struct {
	*doFlags
	to           string
	maxReplays   int
	window       string
	force        bool
	roomRate     int
	maxUnsettled int
	ignoreLag    bool
	stall        time.Duration
	set          []string
	valueFile    string
	wait         time.Duration
}

func (p *program) replayCommand() *cobra.Command {
	x := &replayFlags{}
	c := p.command("replay", "Publish letters again, so that the worker sends them", replayLong, config.Operator, func(ctx context.Context, f *config.Flags) error {
		return p.replay(ctx, f, x)
	})
	x.doFlags = newDoFlags(c.Flags())
	set := c.Flags()
	set.StringVar(&x.why, "why", "", "`text` that is kept with the marks")
	set.StringVar(&x.to, "to", "", "another `topic` to publish to; letters of other topics go only with it")
	set.IntVar(&x.maxReplays, "max-replays", 3, "leave aside what has failed after so many replays; 0: none")
	set.StringVar(&x.window, "dedupe-window", "1h", "leave aside what may have been shown longer ago than this `duration`, since the API may have forgotten it, and show it again")
	set.BoolVar(&x.force, "force", false, "leave nothing aside for these two, or since its event isn't settled; change more than one letter with --set")
	set.IntVar(&x.roomRate, "room-rate", 10, "letters a second a room; 0: no limit")
	set.IntVar(&x.maxUnsettled, "max-unsettled", 1000, "replayed messages that the group hasn't settled yet, at most; 0: no limit")
	set.BoolVar(&x.ignoreLag, "ignore-lag", false, "go on while the group's lag grows")
	set.DurationVar(&x.stall, "stall-after", 10*time.Minute, "end when nothing could be published or was settled for so long; 0: never")
	set.StringArrayVar(&x.set, "set", nil, "`field=value` of the event to be changed on the way, such as attach=hello; may be repeated")
	set.StringVar(&x.valueFile, "value-file", "", "`file` with an event to be sent in place of the letter's own; of one letter only")
	set.DurationVar(&x.wait, "wait", 0, "stay until every replayed message is settled, so long at most, and tell what came back")
	return c
}

func (p *program) replay(ctx context.Context, f *config.Flags, x *replayFlags) error {
	d, err := p.sit(f, x.to)
	if err != nil {
		return err
	}
	defer d.close()
	now := time.Now()
	filter, err := x.filter.load(d.settings, now)
	if err != nil {
		return err
	}
	mend, window, err := x.mend()
	if err != nil {
		return err
	}
	l, err := d.ledger(ctx, deadletter.Reading{Filter: filter}, x.filter.full)
	if err != nil {
		return err
	}
	rules := replay.Rules{MaxReplays: x.maxReplays, DedupeWindow: window, Force: x.force, Topic: d.Source, Group: d.Group, Mended: mend.Any(), Changed: mend.Any() && !mend.Renames(""), Now: now}
	to := d.Source
	if x.to != "" {
		rules.Topic, rules.Group, to = "", "", x.to
	}
	chosen, aside := replay.Choose(l, l.Matching(deadletter.Outstanding), rules)
	chosen = x.filter.oldest(chosen)
	if err := x.fits(mend, len(chosen)); err != nil {
		return err
	}
	plan := &plan{verb: "Replay", to: "to topic " + to, from: d.Topic, whose: whose(filter.Group), chosen: chosen, aside: aside}
	goOn, err := p.agree(plan, x.doFlags)
	if err != nil || !goOn {
		return err
	}
	bar := p.counter("replaying", len(chosen))
	r := replay.New(replay.Config{
		Desk: d.Desk, Ledger: l, To: to, By: x.by, Why: x.why, RoomRate: x.roomRate, MaxUnsettled: x.maxUnsettled, IgnoreLag: x.ignoreLag,
		StallAfter: x.stall, Mend: *mend, MarkForeign: x.markForeign, Tell: bar.tell, Report: func(m replay.Report) { bar.set(m.Done) },
	}, chosen)
	out, err := r.Run(ctx)
	if err == nil && x.wait > 0 && out.Published > 0 {
		bar.name("waiting until all are settled")
		out, err = r.Await(ctx, x.wait)
	}
	bar.finish()
	return p.replayed(d, plan, out, err, x)
}

// mend reads what is to be changed, and the dedupe window.
func (x *replayFlags) mend() (*replay.Mend, time.Duration, error) {
	var mistakes config.Mistakes
	wrong := func(name, got, problem string) {
		mistakes = append(mistakes, config.Mistake{Name: name, Source: "flag --" + name, Got: got, Problem: problem})
	}
	m := &replay.Mend{}
	for _, s := range x.set {
		name, text, ok := strings.Cut(s, "=")
		if !ok {
			wrong("set", s, "takes field=value, such as attach=hello")
			continue
		}
		literal, err := event.Literal(name, text)
		if err != nil {
			wrong("set", s, err.Error())
			continue
		}
		m.Set = append(m.Set, replay.Field{Name: name, Literal: literal})
	}
	if x.valueFile != "" {
		b, err := os.ReadFile(x.valueFile)
		if err != nil {
			wrong("value-file", x.valueFile, "takes a file that can be read: "+err.Error())
		} else if _, err := event.Decode(event.Record{Value: b}); err != nil && len(x.set) == 0 {
			wrong("value-file", x.valueFile, "the worker would refuse it: "+err.Error())
		}
		m.Value = append([]byte{}, b...)
	}
	window, err := lengthOf(x.window)
	if err != nil || window < 0 {
		wrong("dedupe-window", x.window, "takes a duration, such as 1h or 2d")
	}
	for _, n := range []struct {
		name string
		got  int
	}{{"max-replays", x.maxReplays}, {"room-rate", x.roomRate}, {"max-unsettled", x.maxUnsettled}} {
		if n.got < 0 {
			wrong(n.name, fmt.Sprint(n.got), "takes 0 (no limit) or more")
		}
	}
	if mistakes != nil {
		return nil, 0, mistakes
	}
	return m, window, nil
}

// fits sees that no mistake changes many letters.
func (x *replayFlags) fits(m *replay.Mend, letters int) error {
	switch {
	case letters < 2 || !m.Any():
		return nil
	case m.Replaces():
		return fmt.Errorf("--value-file is for one letter, and %d are chosen: choose one with --partition and --offset", letters)
	case m.Renames(""):
		return fmt.Errorf("--set msgId is for one letter, and %d are chosen: of messages with one msgId the API shows one", letters)
	case !x.force:
		return fmt.Errorf("--set would change %d letters: choose one with --partition and --offset, or say --force", letters)
	}
	return nil
}

// replayed tells what came of it.
func (p *program) replayed(d *desk, plan *plan, out *replay.Outcome, err error, x *replayFlags) error {
	stopped := errors.Is(err, replay.ErrStopped) || errors.Is(err, replay.ErrStalled)
	s := &replaySummary{
		Published: out.Published, Elsewhere: out.Elsewhere, Aside: plan.aside, Unmarked: out.Unmarked, Foreign: out.Foreign, Unpublished: out.Left(),
		Waited: x.wait > 0 && err == nil, Settled: out.Settled, CameBack: out.CameBack(), BackByReason: ranked(out.Back), Open: out.Open,
		Rest: len(plan.chosen) - out.Published - out.Elsewhere - out.Left(),
	}
	for why, n := range out.Aside {
		plan.aside[why] += n
	}
	s.Delivered = max(0, s.Settled-s.CameBack)
	if x.json {
		if err := writeLine(p.out, s); err != nil {
			return err
		}
	} else {
		s.write(p.err, plan.aside)
	}
	switch {
	case stopped:
		fmt.Fprintf(p.err, "roomrelay: %v; running it again goes on from here.\n", err)
		return errLeft
	case err != nil:
		return d.explained(err)
	case s.left(plan):
		return errLeft
	}
	return nil
}

// replaySummary is what a replay tells at its end.
type replaySummary struct {
	Published   int            `json:"published"`
	Elsewhere   int            `json:"markedByOthers,omitempty"` // meanwhile
	Aside       map[string]int `json:"leftAside,omitempty"`
	Unpublished int            `json:"-"`
	Rest        int            `json:"notReached,omitempty"` // since it was stopped
	Unmarked    int            `json:"unmarked,omitempty"`
	Foreign     int            `json:"foreignNotMarked,omitempty"`

	Waited       bool      `json:"waited"`
	Settled      int       `json:"settled,omitempty"`
	Delivered    int       `json:"delivered,omitempty"`
	CameBack     int       `json:"cameBack,omitempty"`
	BackByReason []counted `json:"cameBackByReason,omitempty"`
	Open         int       `json:"notSettled,omitempty"`
}

func (s *replaySummary) left(plan *plan) bool {
	return len(plan.aside) > 0 || s.Rest > 0 || s.CameBack > 0 || s.Open > 0 || s.Foreign > 0
}

func (s *replaySummary) write(out io.Writer, aside map[string]int) {
	fmt.Fprintf(out, "Published and marked: %s.\n", plural(s.Published-s.Unmarked-s.Foreign, "letter", "letters"))
	if s.Foreign > 0 {
		fmt.Fprintf(out, "Published and not marked, since something else wrote them: %s. They stay outstanding, and would be published again; --mark-foreign marks them.\n", grouped(s.Foreign))
	}
	if s.Elsewhere > 0 {
		fmt.Fprintf(out, "Marked by somebody else meanwhile: %s.\n", grouped(s.Elsewhere))
	}
	if s.Unpublished > 0 {
		writeAside(out, aside)
	}
	if s.Rest > 0 {
		fmt.Fprintf(out, "Not reached: %s.\n", grouped(s.Rest))
	}
	if !s.Waited {
		return
	}
	fmt.Fprintf(out, "Delivered: %s; came back: %s; not settled yet: %s.\n", grouped(s.Delivered), grouped(s.CameBack), grouped(s.Open))
	for _, c := range s.BackByReason {
		fmt.Fprintf(out, "  came back  %s %9s\n", pad(safe(c.What), 20), grouped(c.Count))
	}
}
