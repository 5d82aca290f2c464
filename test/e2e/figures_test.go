//go:build e2e

package e2e

import (
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
}

// span is the time in which a fault was felt.
type span struct{ from, to time.Time }

// begin is to be called just before the fault.
func (f *figures) begin() { f.spans = append(f.spans, span{from: time.Now()}) }

// end is to be called when it is surely over.
func (f *figures) end() { f.spans[len(f.spans)-1].to = time.Now() }

// tell says how long partitions stood still, and fails the test if one stood still for longer than bound. On a
// machine that does much else bounds are for finding what hangs, not for figures.
func (f *figures) tell(t testing.TB, r *report, what string, bound time.Duration) {
	t.Helper()
	var all []time.Duration
	for _, x := range f.spans {
		all = append(all, r.silences(x.from, x.to)...)
	}
	if len(all) == 0 {
		t.Fatalf("%s: nothing was measured", what)
	}
	slices.Sort(all)
	median, longest := all[len(all)/2], all[len(all)-1]
	t.Logf("FIGURE %s: %d times; a partition stood still for %.2f s (median), %.2f s (max); %d messages were sent again flagged",
		what, len(f.spans), median.Seconds(), longest.Seconds(), r.duplicates)
	if longest > bound {
		t.Errorf("%s: a partition stood still for %v, longer than %v", what, longest, bound)
	}
}

// silences are, for each partition, the longest time that overlaps a span in which none of its messages
// was shown though one stood in its log. What was shown before the last audit doesn't count.
func (r *report) silences(from, to time.Time) []time.Duration {
	return slices.Collect(maps.Values(r.stood(from, to)))
}

// stood are the silences by partition.
func (r *report) stood(from, to time.Time) map[int32]time.Duration {
	shown := map[int32][]showing{}
	for _, m := range r.shown {
		if x := r.firsts[audit.Message{Room: m.Room, MsgID: m.MsgID}]; x != nil {
			shown[x.Partition] = append(shown[x.Partition], showing{m, x.Timestamp})
		}
	}
	longest := map[int32]time.Duration{}
	for p, list := range shown {
		longest[p] = stillest(list, from, to)
	}
	return longest
}

// showing is a message with the time at which a broker wrote it to its log.
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
