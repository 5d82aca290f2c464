package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"roomrelay/deadletter"
	"roomrelay/event"
	"roomrelay/internal/config"
)

const showLong = `Shows everything of one letter: the event, the headers, and the history of its failures and replays. PLACE is as ls tells it: partition and offset on the dead-letter topic. With --msgid instead it shows every letter of that message, done ones too. It reads the whole topic for the history.`

func (p *program) showCommand() *cobra.Command {
	var ids []string
	var asJSON bool
	c := p.commandOf("show [PLACE]", "Show everything of one letter", showLong, config.Operator, cobra.MaximumNArgs(1),
		func(ctx context.Context, f *config.Flags, args []string) error {
			if (len(args) == 0) == (len(ids) == 0) {
				return config.Mistakes{{Name: "msgid", Problem: "say which letter: either its PLACE, such as 3:1047, or --msgid"}}
			}
			d, err := p.sit(f)
			if err != nil {
				return err
			}
			defer d.close()
			wanted, err := d.wanted(ctx, args, ids)
			if err != nil {
				return d.explained(err)
			}
			histories, err := d.histories(ctx, wanted)
			if err != nil {
				return d.explained(err)
			}
			if len(histories) == 0 {
				fmt.Fprintf(p.err, "roomrelay: no letter of that message on %s.\n", d.Topic)
				return errTold
			}
			for i, h := range histories {
				if asJSON {
					if err := writeLine(p.out, h.json()); err != nil {
						return err
					}
					continue
				}
				if i > 0 {
					fmt.Fprintln(p.out)
				}
				h.write(p.out)
			}
			return nil
		})
	c.Flags().StringArrayVar(&ids, "msgid", nil, "letters of this message `id`")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a letter, with the value and all headers")
	return c
}

// wanted says which letters are to be shown.
func (d *desk) wanted(ctx context.Context, args, ids []string) (func(deadletter.Identity, string) bool, error) {
	if len(args) == 0 {
		return func(_ deadletter.Identity, id string) bool { return slices.Contains(ids, id) }, nil
	}
	at, err := deadletter.ParsePlace(args[0])
	if err != nil {
		return nil, err
	}
	f, m, err := d.At(ctx, at)
	switch {
	case err != nil:
		return nil, err
	case f != nil:
		return func(i deadletter.Identity, _ string) bool { return i == f.Identity }, nil
	case m != nil:
		return func(i deadletter.Identity, _ string) bool { return i == m.Identity }, nil
	}
	return nil, fmt.Errorf("there is no letter at %s of %s: retention may have taken it", at, d.Topic)
}

// history is all that the topic has of one letter.
type history struct {
	entry    *deadletter.Entry
	failures []*deadletter.Filed
	marks    []*deadletter.Mark
}

// histories reads the topic for the letters that are wanted, in the order of their last failure.
func (d *desk) histories(ctx context.Context, wanted func(deadletter.Identity, string) bool) ([]*history, error) {
	by := map[deadletter.Identity]*history{}
	of := func(i deadletter.Identity) *history {
		if by[i] == nil {
			by[i] = &history{}
		}
		return by[i]
	}
	l, err := d.Read(ctx, deadletter.Reading{
		Done: true, Filter: deadletter.Filter{Which: wanted},
		Letter: func(f *deadletter.Filed) {
			if wanted(f.Identity, f.MsgID) {
				h := of(f.Identity)
				h.failures = append(h.failures, f)
			}
		},
		Mark: func(m *deadletter.Mark) {
			if wanted(m.Identity, m.MsgID) {
				h := of(m.Identity)
				h.marks = append(h.marks, m)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	var all []*history
	for _, e := range l.Entries {
		if h := by[e.Identity]; h != nil && e.Matched && len(h.failures) > 0 {
			h.entry = e // a letter that came back was done before: its newest entry is the last one
		}
	}
	for _, h := range by {
		if h.entry != nil {
			all = append(all, h)
		}
	}
	slices.SortFunc(all, func(a, b *history) int { return a.entry.Before(b.entry) })
	return all, nil
}

// newest is the record that counts.
func (h *history) newest() *deadletter.Filed {
	i := slices.IndexFunc(h.failures, func(f *deadletter.Filed) bool { return f.Place == h.entry.Place })
	return h.failures[max(i, 0)]
}

// happening is one line of a history.
type happening struct {
	at   time.Time
	text string
}

func (h *history) happenings() []happening {
	var all []happening
	for _, f := range h.failures {
		text := fmt.Sprintf("failed at %s/%s: %s", f.Identity.Topic, f.Source, safe(f.Reason))
		if f.Code != 0 {
			text += fmt.Sprintf(", code %d", f.Code)
		}
		if f.Message != "" {
			text += ", " + safe(f.Message)
		}
		all = append(all, happening{f.FailedAt, text + " (letter " + f.Place.String() + ")"})
	}
	for _, m := range h.marks {
		text := string(m.Action)
		if m.Action == deadletter.ActionReplay {
			text += fmt.Sprintf(" to %s/%s", m.To, m.Position)
		}
		text += " by " + safe(m.By)
		if m.Why != "" {
			text += ": " + safe(m.Why)
		}
		all = append(all, happening{m.At, text + " (mark " + m.Place.String() + ")"})
	}
	slices.SortStableFunc(all, func(a, b happening) int { return a.at.Compare(b.at) })
	return all
}

func (h *history) write(out io.Writer) {
	e, f := h.entry, h.newest()
	fmt.Fprintf(out, "Letter %s, %s\n\n", e.Place, e.State)
	say := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-14s %s\n", name, fmt.Sprintf(format, args...))
	}
	say("room", "%d", f.Room)
	say("message", "%s", safe(f.MsgID))
	if f.By != deadletter.Ours {
		say("written by", "%s", f.By)
	}
	say("reason", "%s", safe(f.Reason))
	say("outcome", "%s", safe(f.Outcome))
	if f.Code != 0 {
		say("code", "%d", f.Code)
	}
	if f.HTTPStatus != 0 {
		say("HTTP status", "%d", f.HTTPStatus)
	}
	say("what is said", "%s", safe(f.Message))
	say("attempts", "%d", f.Attempts)
	say("replays", "%d", f.Replays)
	say("first failed", "%s", clock(f.FirstFailedAt))
	say("last failed", "%s", clock(f.FailedAt))
	say("first stood", "%s/%d:%d", f.Identity.Topic, f.Identity.Partition, f.Identity.Offset)
	say("stood last", "%s/%s", f.Identity.Topic, f.Source)
	say("group", "%s", safe(f.Identity.Group))
	fmt.Fprintln(out, "\nhistory")
	for _, x := range h.happenings() {
		fmt.Fprintf(out, "  %s  %s\n", clock(x.at), x.text)
	}
	fmt.Fprintln(out, "\nheaders of the event")
	for _, x := range f.OwnHeaders() {
		fmt.Fprintf(out, "  %s: %s\n", safe(x.Key), safe(string(x.Value)))
	}
	fmt.Fprintf(out, "\nkey    %s\n", safe(string(f.Key)))
	if f.Truncated > 0 {
		fmt.Fprintf(out, "value  left out: the record at %s/%s has it, as long as it is there\n", f.Identity.Topic, f.Source)
		return
	}
	if _, err := f.Event(); err != nil {
		fmt.Fprintf(out, "value  the worker would refuse it: %s\n", safe(err.Error()))
	} else {
		fmt.Fprintln(out, "value")
	}
	fmt.Fprintf(out, "%s\n", safe(string(f.Value)))
}

// shownJSON is a letter with all that the topic has of it.
type shownJSON struct {
	letterJSON
	Key      *string      `json:"key"`
	KeyB64   string       `json:"keyBase64,omitempty"` // in place of key where that isn't UTF-8
	Value    *string      `json:"value"`
	ValueB64 string       `json:"valueBase64,omitempty"` // likewise
	Headers  []headerJSON `json:"headers"`
	History  []letterJSON `json:"failures"`
	AllMarks []markJSON   `json:"allMarks,omitempty"`
}

type headerJSON struct {
	Name     string  `json:"name"`
	Value    *string `json:"value"`
	ValueB64 string  `json:"valueBase64,omitempty"`
}

func (h *history) json() *shownJSON {
	f := h.newest()
	x := &shownJSON{letterJSON: *jsonOf(h.entry, f), Headers: headersJSON(f.Headers)}
	x.Key, x.KeyB64 = textOrBytes(f.Key)
	x.Value, x.ValueB64 = textOrBytes(f.Value)
	for _, one := range h.failures {
		x.History = append(x.History, *jsonOf(deadletter.EntryOf(one), one))
	}
	for _, m := range h.marks {
		x.AllMarks = append(x.AllMarks, jsonOfMark(m))
	}
	return x
}

func headersJSON(headers []event.Header) []headerJSON {
	all := make([]headerJSON, 0, len(headers))
	for _, h := range headers {
		x := headerJSON{Name: h.Key}
		x.Value, x.ValueB64 = textOrBytes(h.Value)
		all = append(all, x)
	}
	return all
}

// textOrBytes is b as text, or in base64 where it isn't UTF-8; both are none for null.
func textOrBytes(b []byte) (text *string, encoded string) {
	switch {
	case b == nil:
		return nil, ""
	case utf8.Valid(b):
		s := string(b)
		return &s, ""
	}
	return nil, base64.StdEncoding.EncodeToString(b)
}
