package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"roomrelay/deadletter"
	"roomrelay/internal/config"
)

const statsLong = `Counts the letters outstanding, on their way and done, and the outstanding ones by reason, API code, outcome, room, age and number of replays; says since when they fail, draws them over time, and says when retention takes the oldest one.`

func (p *program) statsCommand() *cobra.Command {
	var filter *filterFlags
	var asJSON bool
	var top int
	c := p.command("stats", "Count letters by what is known of them", statsLong, config.Operator, func(ctx context.Context, f *config.Flags) error {
		d, err := p.sit(f)
		if err != nil {
			return err
		}
		defer d.close()
		x, err := filter.load(d.settings, time.Now())
		if err != nil {
			return err
		}
		l, err := d.ledger(ctx, deadletter.Reading{Filter: x}, filter.full)
		if err != nil {
			return err
		}
		s := d.count(l, x.Group, filter, top, time.Now())
		d.retention(ctx, s)
		if asJSON {
			return writeLine(p.out, s)
		}
		s.write(p.out)
		return nil
	})
	filter = newFilterFlags(c.Flags())
	c.Flags().IntVar(&top, "top", 10, "rooms that are told, those with most letters first")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

// stats is what the verb tells. Of the counts only Outstanding, OnTheirWay and what is broken down are of the
// letters that the filter chooses; Done is of the whole group.
type stats struct {
	Topic       string `json:"topic"`
	Group       string `json:"group,omitempty"` // "": all
	Outstanding int    `json:"outstanding"`
	OnTheirWay  int    `json:"onTheirWay"`
	Done        int    `json:"done"` // as far as the topic still tells

	FirstFailed *time.Time `json:"firstFailedAt,omitempty"` // of the outstanding ones, the earliest first failure
	LastFailed  *time.Time `json:"lastFailedAt,omitempty"`

	ByReason  []counted `json:"byReason,omitempty"`
	ByCode    []counted `json:"byCode,omitempty"`
	ByOutcome []counted `json:"byOutcome,omitempty"`
	ByRoom    []counted `json:"byRoom,omitempty"`
	Rooms     int       `json:"rooms"`
	ByAge     []counted `json:"byAge,omitempty"`
	ByReplays []counted `json:"byReplays,omitempty"`
	OverTime  []bin     `json:"overTime,omitempty"`

	Retention  string     `json:"retention,omitempty"`     // of the topic
	TakenFrom  *time.Time `json:"takenFrom,omitempty"`     // retention takes the oldest outstanding one not before
	Taken      *int       `json:"takenUnmarked,omitempty"` // by retention, of all groups; not there: not known
	Records    int        `json:"records"`                 // read
	Unreadable int        `json:"unreadable"`

	now    time.Time
	oldest deadletter.Moment // write of the oldest outstanding letter
	why    string            // why the retention isn't known
}

type counted struct {
	What  string `json:"what"`
	Count int    `json:"count"`
}

// bin is a stretch of time with the letters that failed in it.
type bin struct {
	From  time.Time `json:"from"`
	Count int       `json:"count"`
}

func (d *desk) count(l *deadletter.Ledger, group string, x *filterFlags, top int, now time.Time) *stats {
	s := &stats{Topic: d.Topic, Group: group, Records: l.Read, Unreadable: l.Unreadable, now: now}
	if l.Taken >= 0 {
		s.Taken = &l.Taken
	}
	for g, n := range l.Ended {
		if group == "" || g == group {
			s.Done += n
		}
	}
	s.OnTheirWay = len(l.Matching(deadletter.OnItsWay))
	entries := x.newest(l.Matching(deadletter.Outstanding))
	s.Outstanding = len(entries)
	reason, code, outcome, room, replays := map[string]int{}, map[string]int{}, map[string]int{}, map[int64]int{}, map[int]int{}
	age := make([]int, len(ages))
	for _, e := range entries {
		reason[e.Reason]++
		outcome[e.Outcome]++
		room[e.Room]++
		replays[int(e.Replays)]++
		if e.Code != 0 {
			code[strconv.Itoa(int(e.Code))]++
		}
		age[ageOf(now.Sub(e.FailedAt.Time()))]++
		s.seen(e)
	}
	s.ByReason, s.ByCode, s.ByOutcome = ranked(reason), ranked(code), ranked(outcome)
	s.Rooms = len(room)
	s.ByRoom = topRooms(room, top)
	for i, n := range age {
		if n > 0 {
			s.ByAge = append(s.ByAge, counted{ages[i].name, n})
		}
	}
	for n := range replays {
		s.ByReplays = append(s.ByReplays, counted{strconv.Itoa(n), replays[n]})
	}
	slices.SortFunc(s.ByReplays, func(a, b counted) int {
		return cmp.Or(cmp.Compare(len(a.What), len(b.What)), cmp.Compare(a.What, b.What))
	})
	s.OverTime = overTime(entries)
	return s
}

func (s *stats) seen(e *deadletter.Entry) {
	if first := e.FirstFailedAt.Time(); s.FirstFailed == nil || first.Before(*s.FirstFailed) {
		s.FirstFailed = &first
	}
	if last := e.FailedAt.Time(); s.LastFailed == nil || last.After(*s.LastFailed) {
		s.LastFailed = &last
	}
	if s.oldest == 0 || e.Written < s.oldest {
		s.oldest = e.Written
	}
}

var ages = []struct {
	below time.Duration
	name  string
}{
	{10 * time.Minute, "below 10m"},
	{time.Hour, "10m to 1h"},
	{6 * time.Hour, "1h to 6h"},
	{24 * time.Hour, "6h to 1d"},
	{3 * 24 * time.Hour, "1d to 3d"},
	{7 * 24 * time.Hour, "3d to 7d"},
	{1<<63 - 1, "7d and more"},
}

func ageOf(d time.Duration) int {
	return slices.IndexFunc(ages, func(a struct {
		below time.Duration
		name  string
	},
	) bool {
		return d < a.below
	})
}

func ranked(counts map[string]int) []counted {
	var all []counted
	for what, n := range counts {
		all = append(all, counted{what, n})
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.What, b.What)) })
	return all
}

func topRooms(counts map[int64]int, top int) []counted {
	named := map[string]int{}
	for room, n := range counts {
		name := strconv.FormatInt(room, 10)
		if room == 0 {
			name = "not known"
		}
		named[name] += n
	}
	all := ranked(named)
	return all[:min(max(top, 0), len(all))]
}

// mostBins is how many lines the histogram may have: it should stay on the screen with what is above it.
const mostBins = 12

// steps are how long a line of the histogram may be: what people divide time by.
var steps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour,
	24 * time.Hour, 7 * 24 * time.Hour, 28 * 24 * time.Hour, 365 * 24 * time.Hour,
}

// overTime counts letters by when they failed, in lines of equal length. entries are in that order.
func overTime(entries []*deadletter.Entry) []bin {
	if len(entries) == 0 {
		return nil
	}
	first, last := entries[0].FailedAt.Time(), entries[len(entries)-1].FailedAt.Time()
	step := steps[len(steps)-1]
	for _, s := range steps {
		if last.Sub(first.Truncate(s)) < mostBins*s {
			step = s
			break
		}
	}
	from := first.Truncate(step)
	bins := make([]bin, min(int(last.Sub(from)/step)+1, 200)) // times in headers may be anything
	for i := range bins {
		bins[i].From = from.Add(time.Duration(i) * step)
	}
	for _, e := range entries {
		bins[min(int(e.FailedAt.Time().Sub(from)/step), len(bins)-1)].Count++
	}
	return bins
}

// retention finds out when the topic begins to lose what is outstanding.
func (d *desk) retention(ctx context.Context, s *stats) {
	settings, err := d.Client.Config(ctx, d.Topic, "retention.ms", "retention.bytes")
	if err != nil {
		s.why = "not known: " + explainKafka(err) + " (needs DESCRIBE_CONFIGS on the topic)"
		return
	}
	ms, err := strconv.ParseInt(settings["retention.ms"], 10, 64)
	switch {
	case err != nil:
		s.why = "not known: the broker doesn't tell retention.ms"
	case ms < 0:
		s.Retention = "none"
	default:
		s.Retention = (time.Duration(ms) * time.Millisecond).String()
		if s.oldest != 0 {
			s.TakenFrom = utc(s.oldest.Time().Add(time.Duration(ms) * time.Millisecond))
		}
	}
	if bytes := settings["retention.bytes"]; bytes != "" && bytes != "-1" {
		s.Retention += ", " + bytes + " bytes a partition"
	}
}

func (s *stats) write(out io.Writer) {
	whose := "group " + s.Group
	if s.Group == "" {
		whose = "all groups"
	}
	fmt.Fprintf(out, "Letters of %s on %s\n\n", whose, s.Topic)
	fmt.Fprintf(out, "outstanding  %9s\n", grouped(s.Outstanding))
	fmt.Fprintf(out, "on their way %9s\n", grouped(s.OnTheirWay))
	fmt.Fprintf(out, "done         %9s\n", grouped(s.Done))
	if s.Taken != nil && *s.Taken > 0 {
		fmt.Fprintf(out, "lost         %9s  taken by retention while they were outstanding (of all groups)\n", grouped(*s.Taken))
	}
	if s.Outstanding == 0 {
		return
	}
	fmt.Fprintf(out, "\nfirst failed %s (%s ago), last %s (%s ago)\n", clock(*s.FirstFailed), span(s.now.Sub(*s.FirstFailed)), clock(*s.LastFailed), span(s.now.Sub(*s.LastFailed)))
	switch {
	case s.why != "":
		fmt.Fprintf(out, "retention of the topic: %s\n", s.why)
	case s.TakenFrom == nil:
		fmt.Fprintf(out, "retention of the topic: %s\n", s.Retention)
	case s.TakenFrom.Before(s.now):
		fmt.Fprintf(out, "retention may take the oldest one at any moment (since %s)\n", clock(*s.TakenFrom))
	default:
		fmt.Fprintf(out, "retention takes the oldest one from %s (in %s)\n", clock(*s.TakenFrom), span(s.TakenFrom.Sub(s.now)))
	}
	rooms := fmt.Sprintf("room (of %s)", grouped(s.Rooms))
	for _, part := range []struct {
		title string
		of    []counted
	}{
		{"reason", s.ByReason}, {"API code", s.ByCode}, {"outcome", s.ByOutcome}, {rooms, s.ByRoom}, {"age", s.ByAge}, {"replays", s.ByReplays},
	} {
		if len(part.of) == 0 {
			continue
		}
		fmt.Fprintf(out, "\nby %s\n", part.title)
		for _, c := range part.of {
			fmt.Fprintf(out, "  %s %9s\n", pad(safe(c.What), 20), grouped(c.Count))
		}
	}
	s.draw(out)
}

// draw draws the histogram as wide as the terminal allows.
func (s *stats) draw(out io.Writer) {
	most := 0
	for _, b := range s.OverTime {
		most = max(most, b.Count)
	}
	const beside = 34 // of a line, besides its bar
	room := 40
	if n := columns(out); n > 0 {
		room = min(max(n-beside, 5), 60)
	}
	fmt.Fprintln(out, "\nover time")
	for _, b := range s.OverTime {
		fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("  %s %8s %s", clock(b.From), grouped(b.Count), bar(b.Count, most, room)), " "))
	}
}

// bar is n of most as a bar, exact to an eighth of a column.
func bar(n, most, room int) string {
	if n == 0 || most == 0 {
		return ""
	}
	eighths := max(n*room*8/most, 1)
	return strings.Repeat("█", eighths/8) + []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}[eighths%8]
}
