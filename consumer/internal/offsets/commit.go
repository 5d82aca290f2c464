package offsets

import (
	"iter"
	"math"
	"time"
)

// Commit is what one commit says.
type Commit struct {
	Offset   int64
	SentTo   int64
	Metadata string
	// Overflow says that not all settled offsets beyond Offset fitted: the next owner sends those again,
	// with resendFlag 1.
	Overflow bool
}

// pending is the commit under way.
type pending struct {
	sentTo  int64
	changes uint64
	began   time.Time
}

// Dirty says that a commit made now would tell something new, or is needed for Limit to rise. The last
// commit is worth sending in any case.
func (t *Tracker) Dirty(now time.Time) bool {
	return !t.own || t.changes != t.told || t.low.Any() && !now.Before(t.low.Until)
}

// UnderWay says that the outcome of a commit hasn't been told yet.
func (t *Tracker) UnderWay() bool { return t.pending != nil }

// Commit makes the next commit. It announces ahead offsets beyond the position; ahead doesn't matter for
// the last one, which is made when no attempt begins any more and, if it is to be clean, when none is on
// its way. It panics while another one is under way: its answer would be taken for this one's.
func (t *Tracker) Commit(now time.Time, ahead int64, last bool) Commit {
	if t.pending != nil {
		panic("offsets: a commit is under way")
	}
	c := Commit{Offset: t.Watermark()}
	c.SentTo = max(c.Offset, t.acked, t.sentTo) // [Inherit]
	clean := last && t.Clean()
	switch {
	case clean:
		c.SentTo = c.Offset // [CleanLower]
	case !last:
		c.SentTo = max(c.SentTo, plus(t.position, ahead))
	}
	meta := Meta{Offset: c.Offset, SentTo: c.SentTo, Owner: t.owner, Topic: t.topic, Epoch: t.epoch}
	text, fits := meta.encode(t.runs(), t.limit)
	if !fits && c.SentTo < t.top { // [OverflowAll]
		c.SentTo = t.top
		meta.SentTo = t.top
		text, fits = meta.encode(t.runs(), t.limit)
	}
	c.Metadata, c.Overflow = text, !fits
	t.pending = &pending{sentTo: c.SentTo, changes: t.changes, began: now}
	return c
}

// plus saturates: offsets come from the broker.
func plus(offset, n int64) int64 {
	if offset > math.MaxInt64-n {
		return math.MaxInt64
	}
	return offset + n
}

// runs gives the settled offsets from the watermark on, in ascending order; neighbours may touch. What
// doesn't exist counts as settled where that saves a run's end, but not beyond the highest settled one.
func (t *Tracker) runs() iter.Seq[Run] {
	return func(yield func(Run) bool) {
		next := t.Watermark()
		for _, e := range t.unsettled.entries[t.unsettled.head:] {
			if e.gone {
				continue
			}
			if r := (Run{next, min(e.offset, t.top)}); r.From < r.To && !yield(r) {
				return
			}
			next = e.offset + 1
		}
		if r := (Run{next, min(t.position, t.top)}); r.From < r.To && !yield(r) {
			return
		}
		for _, r := range t.settled {
			if !yield(Run{max(r.From, t.position), r.To}) {
				return
			}
		}
	}
}

func (t *Tracker) answered() pending {
	if t.pending == nil {
		panic("offsets: no commit is under way")
	}
	p := *t.pending
	t.pending = nil
	return p
}

// Acked tells that the commit under way was applied by the coordinator node.
//
// What that says of unanswered ones [LowUntilAck]: begun when they couldn't be applied any more, it has replaced them.
// And if they all went to another coordinator, that one has resigned since: what it had applied, its successor
// has read before it answered, so that it is replaced; what it had not, it refuses. Without this, each death of a
// coordinator with a commit under way held sending back for Until, long after the next one was at work.
func (t *Tracker) Acked(node int32) {
	p := t.answered()
	t.acked, t.told, t.own = p.sentTo, p.changes, true
	if !p.began.Before(t.low.Until) || t.low.Node != several && t.low.Node != node {
		t.low = Low{}
	}
}

// Refused tells that the commit under way was not applied and never will be.
func (t *Tracker) Refused() { t.answered() }

// TooLarge tells that the commit under way was refused for the size of its metadata: the broker's limit is
// below its default (offset.metadata.max.bytes). Those that follow carry a smaller set.
func (t *Tracker) TooLarge() {
	t.answered()
	t.limit /= 2
}

// Unanswered tells that the commit under way may have been applied by the coordinator node, or may still be before
// until. A process remembers Low over the end of the assignment.
func (t *Tracker) Unanswered(node int32, until time.Time) {
	p := t.answered()
	switch {
	case !p.began.Before(t.low.Until): // of those before none can come any more
		t.low.Node = node
	case t.low.Node != node:
		t.low.Node = several
	}
	t.lower(p.sentTo, until)
}

// Undecided tells that the commit under way was answered, and may have been applied: not any more from now on. So
// whichever is acknowledged next has replaced it.
func (t *Tracker) Undecided() {
	p := t.answered()
	t.lower(p.sentTo, p.began)
}

func (t *Tracker) lower(sentTo int64, until time.Time) {
	if !t.low.Any() || sentTo < t.low.SentTo {
		t.low.SentTo = sentTo
	}
	if until.After(t.low.Until) {
		t.low.Until = until
	}
}

// Low is what this assignment leaves behind for the next one of the partition to this process.
func (t *Tracker) Low() Low { return t.low }
