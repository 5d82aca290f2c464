package consumer

import (
	"cmp"
	"context"
	"slices"
	"time"

	"roomrelay/consumer/internal/group"
	"roomrelay/consumer/internal/offsets"
	"roomrelay/internal/fetch"
)

const (
	// unansweredFor is how long an unanswered commit may still be applied, from its begin: the request's
	// connection is closed after CommitPatience, and what the coordinator had read until then waits for
	// its replicas for as long again.
	unansweredFor = 2 * group.CommitPatience

	// How far a commit lets sending go ahead, in records.
	aheadLeast, aheadMost = 100, 10_000
	// aheadFor is the same in time: two commits' worth, so that one may come late.
	aheadFor = 2 * time.Second

	// commitGap keeps early commits apart: a partition in a hurry needs a few in a row until it knows its
	// pace, not as many as the broker answers.
	commitGap = 20 * time.Millisecond
)

// commitSoon asks for a commit before its time.
func (c *Consumer) commitSoon() {
	select {
	case c.kick <- struct{}{}:
	default: // one is asked for already
	}
}

// commitUntil commits what is new every CommitEvery, and at once when asked, until ctx ends. There is one
// request at a time, and so one commit of a partition at a time.
func (c *Consumer) commitUntil(ctx context.Context) {
	tick := time.NewTicker(c.cfg.CommitEvery)
	defer tick.Stop()
	retry := newRetry()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.kick:
		}
		if c.commit(ctx) {
			retry.Reset()
			pause(ctx, commitGap)
		} else if pause(ctx, retry.NextBackOff()) {
			c.commitSoon()
		}
	}
}

// pledge is one partition's part of a commit request.
type pledge struct {
	claim  *claim
	commit offsets.Commit
	last   bool
}

// commit sends one request for all partitions that have something to say; false: not all was applied.
func (c *Consumer) commit(ctx context.Context) bool {
	topic, _ := c.member.TopicID()
	pledges := c.pledges(topic)
	if len(pledges) == 0 {
		return true
	}
	list := make([]group.Offset, len(pledges))
	for i, p := range pledges {
		list[i] = group.Offset{Partition: p.claim.partition, Offset: p.commit.Offset, Metadata: p.commit.Metadata}
	}
	began := time.Now()
	outcomes, node, err := c.member.Commit(ctx, topic, list)
	all := true
	for i, p := range pledges {
		all = p.claim.outcome(&p, answer{outcomes[i], node, began}) && all
	}
	c.counts.commits.Add(1)
	if err != nil && ctx.Err() == nil {
		c.counts.commitsFailed.Add(1)
		c.rarely.Warn().Err(err).Int("partitions", len(list)).Msg("not all was committed, trying again")
	}
	return all
}

// pledges begins the commit of every partition that is owned, is of this topic and has something new to say.
func (c *Consumer) pledges(topic fetch.TopicID) []pledge {
	var list []pledge
	for _, cl := range *c.live.Load() {
		if cl.topic != topic && cl.topic != (fetch.TopicID{}) {
			continue // it is about to end
		}
		if p, ok := cl.pledge(); ok {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b pledge) int { return cmp.Compare(a.claim.partition, b.claim.partition) })
	return list
}

// pledge makes the claim's next commit and notes it as under way.
func (cl *claim) pledge() (pledge, bool) {
	now := time.Now()
	cl.mu.Lock()
	defer cl.mu.Unlock()
	p := pledge{claim: cl, last: cl.phase == last}
	if cl.tracker == nil || cl.phase == over || cl.lastAcked || !p.last && !cl.tracker.Dirty(now) {
		return p, false
	}
	p.commit = cl.tracker.Commit(now, cl.pace.next(now, cl.tracker.Seen(), cl.logEnd), p.last)
	cl.underWay = make(chan struct{})
	return p, true
}

// answer is what became of a commit: with which coordinator, and when it began.
type answer struct {
	group.Outcome
	node  int32
	began time.Time
}

// outcome takes in what became of a commit; false: it is to be made again.
func (cl *claim) outcome(p *pledge, a answer) bool {
	cl.mu.Lock()
	switch a.Outcome {
	case group.Applied:
		cl.tracker.Acked(a.node)
		cl.committed, cl.lastAcked = true, p.last
	case group.Refused:
		cl.tracker.Refused()
	case group.TooLarge:
		cl.tracker.TooLarge()
	case group.Undecided:
		cl.tracker.Undecided()
	case group.Unanswered:
		cl.tracker.Unanswered(a.node, a.began.Add(unansweredFor))
	}
	low, ended := cl.tracker.Low(), cl.underWay
	cl.mu.Unlock()
	cl.c.remember(memo{cl.topic, cl.partition}, low)
	cl.mu.Lock()
	cl.underWay = nil
	cl.mu.Unlock()
	close(ended) // only now may the partition be taken again: see awaitCommit
	cl.nudge()
	if p.commit.Overflow {
		cl.c.counts.overflows.Add(1)
		if p.last && a.Outcome == group.Applied {
			cl.log.Warn().Int64("offset", p.commit.Offset).Msg("given up with more settled than the commit has room for: some is sent again, with resendFlag 1")
		}
	}
	if p.last && a.Outcome == group.Applied {
		close(cl.finished)
	}
	return a.Outcome == group.Applied
}

// remember keeps what unanswered commits of a partition allow, for its next claim.
func (c *Consumer) remember(m memo, low offsets.Low) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if low.Any() {
		c.memory[m] = low
	} else {
		delete(c.memory, m)
	}
}

func (c *Consumer) remembered(m memo) offsets.Low {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.memory[m]
}

// pace measures how far ahead of a partition's position its commits have to announce. More than needed
// costs after a crash: whatever is announced then counts as sent.
type pace struct {
	ahead    int64
	position int64 // at the last commit
	end      int64 // the log's end then
	at       time.Time
	short    bool // somebody had to wait since
	asked    bool // an early commit was asked for since
}

// paceOver is the shortest time that a pace is measured over: a single fetch is no pace.
const paceOver = 250 * time.Millisecond

func newPace(position, end int64) pace {
	return pace{ahead: aheadLeast, position: position, end: end, at: time.Now()}
}

// next is how far the commit made now announces: aheadFor at the pace since the last one. It falls by no
// more than half at a time, so that a pause isn't paid for at once, and doubles if it wasn't enough: a
// partition that waits for commits shows no pace. It needs to reach no further than the log does by then.
func (p *pace) next(now time.Time, position, end int64) int64 {
	elapsed := float64(max(now.Sub(p.at), paceOver))
	in := func(n int64) int64 { return int64(float64(max(n, 0)) / elapsed * float64(aheadFor)) }
	want := max(in(position-p.position), p.ahead/2)
	if p.short {
		want = max(want, 2*p.ahead)
	}
	want = min(want, max(0, end-position)+max(in(end-p.end), aheadLeast))
	*p = pace{ahead: min(max(want, aheadLeast), aheadMost), position: position, end: end, at: now}
	return p.ahead
}
