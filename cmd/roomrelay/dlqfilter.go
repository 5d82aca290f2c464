package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"roomrelay/deadletter"
	"roomrelay/internal/config"
)

// filterFlags are the flags that choose letters, the same for each verb.
type filterFlags struct {
	filter       deadletter.Filter
	since, until string
	partition    int32
	offset       int64
	allGroups    bool
	full         bool
	limit        int
	set          *pflag.FlagSet
}

func newFilterFlags(set *pflag.FlagSet) *filterFlags {
	x := &filterFlags{set: set}
	set.Int64SliceVar(&x.filter.Rooms, "room", nil, "only of this `room`; may be repeated, as all lists may")
	set.StringSliceVar(&x.filter.Reasons, "reason", nil, "only of this reason `code`, such as refused-message")
	set.IntSliceVar(&x.filter.Codes, "code", nil, "only with this `code` of the API")
	set.StringSliceVar(&x.filter.Outcomes, "outcome", nil, "only of this `outcome`: never-sent, refused or unknown")
	set.StringArrayVar(&x.filter.MsgIDs, "msgid", nil, "only of this message `id`")
	set.StringArrayVar(&x.filter.Senders, "sender", nil, "only of this `sender`")
	set.StringVar(&x.since, "since", "", "only what failed at this `time` or later: 2026-05-01T08:00:00Z, or 2h ago")
	set.StringVar(&x.until, "until", "", "only what failed before this `time`")
	set.StringVar(&x.filter.Match, "match", "", "only with this `text` in the API's reason, whatever its case")
	set.Var(&x.filter.Replays, "replays", "only what was replayed so often: 0, or >=2")
	set.Int32Var(&x.partition, "partition", 0, "only of this `partition` of the dead-letter topic")
	set.Int64Var(&x.offset, "offset", 0, "only at this `offset` of it")
	set.IntVar(&x.limit, "limit", 0, "at most so many, the newest; 0: all")
	set.BoolVar(&x.allGroups, "all-groups", false, "letters of every group, not only of the configured one")
	set.BoolVar(&x.full, "full", false, "read the whole topic, and compare it with what an earlier reading left on it")
	return x
}

// load makes the filter. What is wrong is told like a setting.
func (x *filterFlags) load(s *config.Settings, now time.Time) (deadletter.Filter, error) {
	f := x.filter
	var mistakes config.Mistakes
	wrong := func(name, got, problem string) {
		mistakes = append(mistakes, config.Mistake{Name: name, Source: "flag --" + name, Got: got, Problem: problem})
	}
	for _, t := range []struct {
		name, text string
		at         *time.Time
	}{{"since", x.since, &f.Since}, {"until", x.until, &f.Until}} {
		at, err := instantOf(t.text, now)
		if err != nil {
			wrong(t.name, t.text, err.Error())
		}
		*t.at = at
	}
	for _, o := range f.Outcomes {
		if o != deadletter.OutcomeNeverSent && o != deadletter.OutcomeRefused && o != deadletter.OutcomeUnknown {
			wrong("outcome", o, "takes never-sent, refused or unknown")
		}
	}
	if x.limit < 0 {
		wrong("limit", strconv.Itoa(x.limit), "takes 0 (all) or more")
	}
	if x.set.Changed("partition") {
		f.Partition = &x.partition
	}
	if x.set.Changed("offset") {
		if f.Partition == nil {
			wrong("offset", strconv.FormatInt(x.offset, 10), "means something only with --partition")
		}
		f.Offset = &x.offset
	}
	if !x.allGroups {
		f.Group = s.Group
	}
	if mistakes != nil {
		return f, mistakes
	}
	return f, nil
}

// newest cuts a list to its newest entries, as many as --limit allows.
func (x *filterFlags) newest(entries []*deadletter.Entry) []*deadletter.Entry {
	if x.limit > 0 && len(entries) > x.limit {
		return entries[len(entries)-x.limit:]
	}
	return entries
}

// instantOf reads a time, or how long ago it was; "" is no time.
func instantOf(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if d, err := lengthOf(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("takes a time, such as 2026-05-01T08:00:00Z, or how long ago it was, such as 2h or 3d")
}

// lengthOf reads a duration; whole days too.
func lengthOf(s string) (time.Duration, error) {
	if n := len(s); n > 1 && s[n-1] == 'd' {
		days, err := strconv.ParseUint(s[:n-1], 10, 16)
		return time.Duration(days) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}
