package consumer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Stats is a moment of the Consumer, for metrics. Counters count since New.
type Stats struct {
	Partitions []PartitionStats // those held, in order
	Total      int              // partitions of the topic; 0: not known

	Events int // handed out and not settled
	Bytes  int // the same in bytes

	Rebalances    int64 // assignments received
	Lost          int64 // partitions lost without a handover
	Commits       int64 // requests
	CommitsFailed int64 // requests of which not all was applied
	Overflows     int64 // commits whose settled set did not fit into the metadata
	Tombstones    int64 // records without a value, passed over
	Skipped       int64 // records that an earlier owner had settled
	Doubtful      int64 // records handed out in doubt
	Oversize      int64 // records larger than the whole buffer
}

// PartitionStats is a moment of one partition.
type PartitionStats struct {
	Partition int32
	Watermark int64 // all offsets below it are settled
	End       int64 // the log's end, as the last fetch saw it
	Events    int   // handed out and not settled
	Bytes     int
	InDoubt   int // of those not settled, how many the API may have
}

// Lag is how many offsets of the log aren't settled.
func (p *PartitionStats) Lag() int64 { return max(0, p.End-p.Watermark) }

// counts are the counters of Stats.
type counts struct {
	rebalances, lost, commits, commitsFailed, overflows, tombstones, skipped, doubtful, oversize atomic.Int64
}

// Stats takes a moment. It asks each partition in turn, so that the parts may differ by a few records.
func (c *Consumer) Stats() Stats {
	held := c.budget.total()
	s := Stats{
		Total: c.member.Total(), Events: held.events, Bytes: held.bytes,
		Rebalances: c.counts.rebalances.Load(), Lost: c.counts.lost.Load(),
		Commits: c.counts.commits.Load(), CommitsFailed: c.counts.commitsFailed.Load(), Overflows: c.counts.overflows.Load(),
		Tombstones: c.counts.tombstones.Load(), Skipped: c.counts.skipped.Load(),
		Doubtful: c.counts.doubtful.Load(), Oversize: c.counts.oversize.Load(),
	}
	for _, cl := range *c.live.Load() {
		s.Partitions = append(s.Partitions, cl.stats())
	}
	slices.SortFunc(s.Partitions, func(a, b PartitionStats) int { return cmp.Compare(a.Partition, b.Partition) })
	return s
}

func (cl *claim) stats() PartitionStats {
	held := cl.c.budget.of(&cl.share)
	s := PartitionStats{Partition: cl.partition, Events: held.events, Bytes: held.bytes}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.tracker != nil {
		s.Watermark, s.InDoubt, s.End = cl.tracker.Watermark(), cl.tracker.Doubtful(), cl.logEnd
	}
	return s
}

// troubleAfter is how long requests may fail before the worker counts as not ready: a dead broker's
// partitions are back after 6 to 9 s.
const troubleAfter = 10 * time.Second

// trouble is a run of failures of one kind of request.
type trouble struct {
	since time.Time // zero: none
	err   error
}

func (t *trouble) failed(err error) {
	if t.since.IsZero() {
		t.since = time.Now()
	}
	t.err = err
}

func (t *trouble) lasting() error {
	if t.since.IsZero() || time.Since(t.since) < troubleAfter {
		return nil
	}
	return t.err
}

// failing notes that the partition's requests fail.
func (cl *claim) failing(what string, err error) {
	cl.mu.Lock()
	cl.trouble.failed(err)
	cl.mu.Unlock()
	cl.rarely.Warn().Err(err).Str("what", what).Msg("partition can't be read, trying again")
}

func (cl *claim) working() {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.trouble = trouble{}
}

// Ready returns nil if the member takes part with every partition it was assigned, or why it doesn't.
func (c *Consumer) Ready() error {
	c.mu.Lock()
	draining := c.draining
	c.mu.Unlock()
	if draining {
		return errors.New("giving up all partitions")
	}
	if err := c.member.Err(); err != nil {
		return err
	}
	return c.taken()
}

// taken returns nil if every partition that is assigned is read, from a position that is committed. One that
// was lost and has come back is taken again only when the last commit of before has ended.
func (c *Consumer) taken() error {
	c.mu.Lock()
	assigned := c.assigned
	c.mu.Unlock()
	live := *c.live.Load()
	for _, p := range assigned {
		if cl := live[p]; cl == nil || !cl.alive() {
			return fmt.Errorf("partition %d is to be taken anew", p)
		}
	}
	for _, cl := range live {
		if err := cl.ready(); err != nil {
			return err
		}
	}
	return nil
}

func (cl *claim) ready() error {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	switch {
	case cl.phase == over:
		return nil
	case cl.phase == taking && cl.trouble.err != nil:
		return fmt.Errorf("taking over partition %d: %w", cl.partition, cl.trouble.err)
	case cl.phase == taking:
		return fmt.Errorf("taking over partition %d", cl.partition)
	case !cl.committed:
		return fmt.Errorf("partition %d waits for its first commit", cl.partition)
	}
	if err := cl.trouble.lasting(); err != nil {
		return err
	}
	return nil
}
