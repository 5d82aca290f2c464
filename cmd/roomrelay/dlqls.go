package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"roomrelay/deadletter"
	"roomrelay/internal/config"
)

const lsLong = `Lists the outstanding letters, the newest last: as a table, or with --json one object a line. --all lists those on their way and those done, too, with what was done, when and by whom (as they say; it isn't proven). Its memory then grows with what it lists.`

func (p *program) lsCommand() *cobra.Command {
	var filter *filterFlags
	var all, asJSON bool
	c := p.command("ls", "List letters", lsLong, config.Operator, func(ctx context.Context, f *config.Flags) error {
		d, err := p.sit(f)
		if err != nil {
			return err
		}
		defer d.close()
		entries, err := d.newest(ctx, filter, all)
		if err != nil {
			return err
		}
		if asJSON {
			return d.explained(d.listJSON(ctx, entries))
		}
		return d.explained(d.list(ctx, entries, all))
	})
	filter = newFilterFlags(c.Flags())
	c.Flags().BoolVar(&all, "all", false, "those on their way and those done, too")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

// newest reads the topic and gives the newest of the letters that the filter takes: outstanding ones, or with all
// whatever became of them.
func (d *desk) newest(ctx context.Context, filter *filterFlags, all bool) ([]*deadletter.Entry, error) {
	x, err := filter.load(d.settings, time.Now())
	if err != nil {
		return nil, err
	}
	l, err := d.ledger(ctx, deadletter.Reading{Filter: x, Done: all}, filter.full)
	if err != nil {
		return nil, err
	}
	states := []deadletter.State{deadletter.Outstanding}
	if all {
		states = append(states, deadletter.OnItsWay, deadletter.Done)
	}
	return filter.newest(l.Matching(states...)), nil
}

// tellUnreadable says what on the topic is neither letter nor mark.
func (d *desk) tellUnreadable(l *deadletter.Ledger) {
	if l.Unreadable == 0 {
		return
	}
	fmt.Fprintf(d.p.err, "roomrelay: %s on %s can't be read as letters, and are passed over:\n", plural(l.Unreadable, "record", "records"), d.Topic)
	for _, u := range l.Why[:min(len(l.Why), 5)] {
		fmt.Fprintf(d.p.err, "  %s: %s\n", u.Place, safe(u.Why))
	}
}

// fetched is how many letters are held in memory as a whole at a time.
const fetched = 500

// each calls do with entries and their records, nil for one that is gone.
func (d *desk) each(ctx context.Context, entries []*deadletter.Entry, do func(*deadletter.Entry, *deadletter.Filed) error) error {
	for some := range slices.Chunk(entries, fetched) {
		filed, err := d.Fetch(ctx, some)
		if err != nil {
			return err
		}
		for i, e := range some {
			if err := do(e, filed[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *desk) listJSON(ctx context.Context, entries []*deadletter.Entry) error {
	return d.each(ctx, entries, func(e *deadletter.Entry, f *deadletter.Filed) error {
		return writeLine(d.p.out, jsonOf(e, f))
	})
}

func (d *desk) list(ctx context.Context, entries []*deadletter.Entry, all bool) error {
	if len(entries) == 0 {
		fmt.Fprintf(d.p.err, "No %s.\n", map[bool]string{false: "outstanding letters", true: "letters"}[all])
		return nil
	}
	heads := []string{"PLACE", "FAILED", "#ROOM", "MSGID", "REASON", "#CODE", "OUTCOME", "#REPLAYS"}
	if all {
		heads = append(heads, "STATE")
	}
	t := newTable(append(heads, "WHAT IS SAID")...)
	t.spare = []string{"OUTCOME", "REPLAYS", "CODE", "FAILED"}
	err := d.each(ctx, entries, func(e *deadletter.Entry, f *deadletter.Filed) error {
		id, said := "-", "(retention has taken it)"
		if f != nil {
			id, said = safe(f.MsgID), safe(f.Message)
		}
		if e.State != deadletter.Outstanding {
			said = done(e)
		}
		room, code := "-", "-"
		if e.Room != 0 {
			room = strconv.FormatInt(e.Room, 10)
		}
		if e.Code != 0 {
			code = strconv.Itoa(int(e.Code))
		}
		cells := []string{e.Place.String(), clock(e.FailedAt.Time()), room, cut(id, 40), safe(e.Reason), code, safe(e.Outcome), strconv.Itoa(int(e.Replays))}
		if all {
			cells = append(cells, e.State.String())
		}
		t.row(append(cells, said)...)
		return nil
	})
	if err != nil {
		return err
	}
	t.write(d.p.out)
	return nil
}

// done says what was done with a letter.
func done(e *deadletter.Entry) string {
	if len(e.Marks) == 0 {
		return ""
	}
	return doing(e.Marks[len(e.Marks)-1])
}

func doing(m *deadletter.Mark) string {
	said := fmt.Sprintf("%s %s by %s", m.Action, clock(m.At), safe(m.By))
	if m.Action == deadletter.ActionReplay {
		said += fmt.Sprintf(", to %s/%s", m.To, m.Position)
	}
	if m.Why != "" {
		said += ": " + safe(m.Why)
	}
	return said
}
