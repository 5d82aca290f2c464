//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"roomrelay/internal/audit"
	"roomrelay/internal/imsim"
)

// figures are what was measured of one fault that was made several times.
type figures struct {
	spans []span
	since since
	// witness has met the same faults. If it had to wait for longer than was measured elsewhere, so have the workers.
	witness *witness
}

// since is from when on a message waits to be shown.
type since int

const (
	// sinceLog: a broker wrote it to its log.
	sinceLog since = iota
	// sinceAck: its producer heard that it was written. What a new leader has written can't be read before its followers
	// have it, which may take them seconds when leadership moves: that is the brokers' part. From the log on it may take
	// unread longer: so a worker can't hide behind a producer whose acknowledgement was lost.
	sinceAck
	// sinceFault: a broker wrote it, or the span began if that was later. Before, the test itself held it up.
	sinceFault
)

// added is what workers may add to the time for which another client has to wait: a second, for their pauses between
// tries (0.6 s was measured at most where brokers die, 1.7 s beside a frozen one), and another one where a machine does
// much beside.
const added = 2 * time.Second

// unread is for how long followers may keep what a new leader has written from being read: up to 2.5 s was measured.
const unread = 3 * time.Second

// span is the time in which a fault was felt.
type span struct{ from, to time.Time }

// begin is to be called just before the fault.
func (f *figures) begin() { f.spans = append(f.spans, span{from: time.Now()}) }

// end is to be called when it is surely over.
func (f *figures) end() { f.spans[len(f.spans)-1].to = time.Now() }

// tell says how long partitions stood still, and fails the test if one stood still for longer than bound and for longer
// than a witness and what workers may add. On a machine that does much else bounds are for finding what hangs, not for
// figures.
func (f *figures) tell(t testing.TB, r *report, what string, bound time.Duration) {
	t.Helper()
	on := f.since
	if on == sinceAck {
		on = sinceLog
	}
	median, longest := f.stood(t, r, on)
	counted, more := longest, ""
	if f.witness != nil {
		reading, committing := f.witness.stood(t, f.spans)
		more = fmt.Sprintf("; a client that does nothing else waited %.2f s to read, %.2f s to commit", reading.Seconds(), committing.Seconds())
		bound = min(slack*bound, max(bound, reading+added, committing+added))
	}
	if f.since == sinceAck {
		if longest > bound+unread {
			t.Errorf("%s: a partition stood still for %v from what its log has on, longer than %v", what, longest, bound+unread)
		}
		_, counted = f.stood(t, r, sinceAck)
		more = fmt.Sprintf(", %.2f s (max) from acknowledgements on%s", counted.Seconds(), more)
	}
	t.Logf("FIGURE %s: %d times; a partition stood still for %.2f s (median), %.2f s (max)%s; %d messages were sent again flagged",
		what, len(f.spans), median.Seconds(), longest.Seconds(), more, r.duplicates)
	if counted > bound {
		t.Errorf("%s: a partition stood still for %v, longer than %v", what, counted, bound)
	}
}

// stood is for how long partitions stood still in the spans.
func (f *figures) stood(t testing.TB, r *report, on since) (median, longest time.Duration) {
	t.Helper()
	var all []time.Duration
	for _, x := range f.spans {
		all = append(all, r.silences(x, on)...)
	}
	if len(all) == 0 {
		t.Fatal("nothing was measured")
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1]
}

// silences are, for each partition, the longest time that overlaps a span in which none of its messages
// was shown though one stood in its log. What was shown before the last audit doesn't count.
func (r *report) silences(s span, on since) []time.Duration {
	return slices.Collect(maps.Values(r.stood(s, on)))
}

// stood are the silences by partition.
func (r *report) stood(s span, on since) map[int32]time.Duration {
	shown := map[int32][]showing{}
	for _, m := range r.shown {
		id := audit.Message{Room: m.Room, MsgID: m.MsgID}
		x := r.firsts[id]
		if x == nil {
			continue
		}
		from := x.Timestamp
		if at := r.acked[id]; on == sinceAck && at.After(from) {
			from = at
		}
		if on == sinceFault && s.from.After(from) {
			from = s.from
		}
		if m.At.Before(from) {
			from = m.At
		}
		shown[x.Partition] = append(shown[x.Partition], showing{m, from})
	}
	longest := map[int32]time.Duration{}
	for p, list := range shown {
		longest[p] = stillest(list, s.from, s.to)
	}
	return longest
}

// showing is a message with the time from which it counts: when a broker wrote it to its log, or had told so.
type showing struct {
	imsim.Shown
	published time.Time
}

func stillest(list []showing, from, to time.Time) (worst time.Duration) {
	slices.SortFunc(list, func(a, b showing) int { return a.At.Compare(b.At) })
	oldest := to // published of all that were shown at i or later
	for i, m := range slices.Backward(list) {
		if m.published.Before(oldest) {
			oldest = m.published
		}
		since := oldest
		if i > 0 && list[i-1].At.After(since) {
			since = list[i-1].At
		}
		if m.At.After(from) && since.Before(to) {
			worst = max(worst, m.At.Sub(since))
		}
	}
	return worst
}
