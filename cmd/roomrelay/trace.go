package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"roomrelay/deadletter"
	"roomrelay/event"
	"roomrelay/internal/cluster"
	"roomrelay/internal/config"
	"roomrelay/internal/fetch"
)

const traceLong = `Tells what became of a message: where it stands in the topic, whether the group's commits settle it there, its letters and its replays. It reads the topic from --since on, every partition, and the whole dead-letter topic.

Settled means delivered, unless there is a letter. Exit codes: 0 found; 1 not found, or something failed; 2 found, and not settled yet, or a letter of it is outstanding.`

func (p *program) traceCommand() *cobra.Command {
	var since string
	var room int64
	var asJSON bool
	c := p.commandOf("trace MSGID", "Tell what became of a message", traceLong, config.Operator, cobra.ExactArgs(1),
		func(ctx context.Context, f *config.Flags, args []string) error {
			from, err := instantOf(since, time.Now())
			if err != nil {
				return config.Mistakes{{Name: "since", Source: "flag --since", Got: since, Problem: err.Error()}}
			}
			d, err := p.sit(f)
			if err != nil {
				return err
			}
			defer d.close()
			t := &tracing{desk: d, id: args[0], room: room, from: from}
			if err := t.run(ctx); err != nil {
				return d.explained(err)
			}
			return t.tell(asJSON)
		})
	c.Flags().StringVar(&since, "since", "24h", "read the topic from this `time` on: 2026-05-01T08:00:00Z, or 2h ago")
	c.Flags().Int64Var(&room, "room", 0, "only the message of this `room`; msgIds are unique within one alone")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a record and a letter")
	return c
}

// tracing is one trace.
type tracing struct {
	*desk
	id   string
	room int64
	from time.Time

	progress deadletter.Progress
	ranges   []cluster.Range
	records  int
	mu       sync.Mutex // guards found and records while the topic is read
	found    []standing
	letters  []*history
}

// standing is a record of the message.
type standing struct {
	Topic    string     `json:"topic"`
	Place    string     `json:"place"`
	Written  *time.Time `json:"written"`
	Room     int64      `json:"roomid"`
	Sender   string     `json:"fromAccid"`
	Resend   uint8      `json:"resendFlag"`
	Replay   string     `json:"replay,omitempty"` // which replay of a letter put it there
	ForGroup string     `json:"replayFor,omitempty"`
	Settled  bool       `json:"settled"`
	Problem  string     `json:"problem,omitempty"` // why the worker refuses it

	at deadletter.Place
}

func (t *tracing) run(ctx context.Context) error {
	partitions, err := t.Client.Partitions(ctx, t.Source)
	if err != nil {
		return err
	}
	if t.ranges, err = t.Client.Ranges(ctx, t.Source, partitions); err != nil {
		return err
	}
	if err := t.scan(ctx); err != nil {
		return err
	}
	// After the reading: what is settled by now.
	if t.progress, err = t.Progress(ctx, t.Group, t.Source); err != nil {
		return err
	}
	for i := range t.found {
		t.found[i].Settled = t.progress.Settled(t.found[i].at)
	}
	slices.SortFunc(t.found, func(a, b standing) int { return a.Written.Compare(*b.Written) })
	t.letters, err = t.histories(ctx, func(_ deadletter.Identity, id string) bool { return id == t.id })
	if errors.Is(err, cluster.ErrMissing) {
		return fmt.Errorf("looking for its letters: %w", err)
	}
	if t.room != 0 {
		t.letters = slices.DeleteFunc(t.letters, func(h *history) bool { return h.entry.Room != t.room })
	}
	return err
}

// scan reads the partitions, some at a time.
func (t *tracing) scan(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for _, r := range t.ranges {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := t.scanOne(ctx, r); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (t *tracing) scanOne(ctx context.Context, r cluster.Range) error {
	if !t.from.IsZero() {
		at, err := t.Client.At(ctx, t.Source, r.Partition, t.from)
		if err != nil {
			return err
		}
		if at < 0 {
			return nil // all is older
		}
		r.First = max(r.First, at)
	}
	n := 0
	defer func() {
		t.mu.Lock()
		t.records += n
		t.mu.Unlock()
	}()
	return t.Client.Scan(ctx, t.Source, r.Partition, r.First, r.End, func(x *fetch.Record) error {
		n++
		t.look(r.Partition, x)
		return nil
	})
}

// look notes a record of the message. One that is invalid may still name it.
func (t *tracing) look(partition int32, x *fetch.Record) {
	if x.Value == nil {
		return
	}
	e, invalid := event.Decode(event.Record{Partition: partition, Offset: x.Offset, Value: x.Value, Headers: x.Headers, Time: x.Time})
	if e.MsgID != t.id || t.room != 0 && e.Room != t.room {
		return
	}
	s := standing{
		Topic: t.Source, Written: utc(x.Time), Room: e.Room, Sender: e.Sender, Resend: e.Resend,
		at: deadletter.Place{Partition: partition, Offset: x.Offset},
	}
	s.Place = s.at.String()
	if invalid != nil {
		s.Problem = invalid.Error()
	}
	for _, h := range x.Headers {
		switch h.Key {
		case deadletter.HeaderReplays:
			s.Replay = string(h.Value)
		case deadletter.HeaderGroup:
			s.ForGroup = string(h.Value)
		}
	}
	t.mu.Lock()
	t.found = append(t.found, s)
	t.mu.Unlock()
}

func (t *tracing) tell(asJSON bool) error {
	left := false
	for _, s := range t.found {
		left = left || !s.Settled
		if asJSON {
			if err := writeLine(t.p.out, s); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(t.p.out, s.text(t.Group))
	}
	for _, h := range t.letters {
		left = left || h.entry.State != deadletter.Done
		if asJSON {
			if err := writeLine(t.p.out, h.json()); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(t.p.out, "letter %s of group %s, %s\n", h.entry.Place, safe(h.entry.Identity.Group), h.entry.State)
		for _, x := range h.happenings() {
			fmt.Fprintf(t.p.out, "  %s  %s\n", clock(x.at), x.text)
		}
	}
	switch {
	case len(t.found)+len(t.letters) == 0:
		fmt.Fprintf(t.p.err, "roomrelay: no record of message %s in %s that topic %s has since %s, and no letter of it: is --since early enough?\n",
			safe(t.id), plural(t.records, "record", "records"), t.Source, clock(t.from))
		return errTold
	case left:
		return errLeft
	}
	return nil
}

func (s *standing) text(group string) string {
	what := "published"
	if s.Replay != "" && s.Replay != "0" {
		what = "replayed (" + safe(s.Replay) + ")"
		if s.ForGroup != group {
			what += " for group " + safe(s.ForGroup) + " alone"
		}
	}
	state := "not settled yet"
	if s.Settled {
		state = "settled"
	}
	if s.Problem != "" {
		state += "; invalid: " + safe(s.Problem)
	}
	return fmt.Sprintf("%s  %s at %s/%s in room %s by %s, resendFlag %d: %s",
		clock(*s.Written), what, s.Topic, s.Place, strconv.FormatInt(s.Room, 10), safe(s.Sender), s.Resend, state)
}
