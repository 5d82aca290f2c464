package offsets

import "time"

// Takeover is what the new owner of a partition found.
type Takeover struct {
	// Start is where reading begins: the committed offset, or the one that auto-offset-reset gave.
	Start int64
	// Meta is what Decode read from the commit; nil where there is none that counts. It may also be used
	// where the log's start has moved past the committed offset: what it says of later offsets is true.
	Meta *Meta
	// Gone says that records are deleted that an earlier owner may have in hand. What it sends of them comes before
	// everything that is left, and nobody can see in which lanes it does.
	Gone bool
	// LogEnd is the partition's high watermark, read after the partition was assigned.
	LogEnd int64
	// Fresh says that the group never sent anything: without Meta nothing is in doubt.
	Fresh bool
	// InstanceID of this member, written into commits. "": a dynamic member.
	InstanceID string
	// Topic is the topic's id, written into commits.
	Topic string
	// Low is what an earlier assignment of the partition to this process left behind.
	Low Low
}

// Low is what unanswered commits allow: while they may still be applied, the stored sentTo may fall back to
// theirs. The zero value says that there are none.
type Low struct {
	SentTo int64     // the least that one of them names
	Until  time.Time // when the last of them can't be applied any more, whatever happens
	Node   int32     // the coordinator that they went to; several: more than one
}

// several is no broker's id.
const several = -1

// Any says that there are unanswered commits.
func (l Low) Any() bool { return !l.Until.IsZero() }

// Doubt says what an earlier owner of the partition may still be doing.
type Doubt uint8

const (
	// NoDoubt says that nothing was found that an earlier owner may have sent.
	NoDoubt Doubt = iota
	// OwnerGone says that it begins no more attempts, and what it began ends within the request time-out.
	OwnerGone
	// OwnerAlive says that it had, or may have had, an instance-id: it may have been displaced by another process
	// of that name, so that its session needn't have run out. It may begin attempts for as long as its lease holds.
	OwnerAlive
)

// Tracker of one assignment of one partition.
type Tracker struct {
	owner     string // our instance-id as metadata names it
	topic     string
	epoch     int32 // of the leader that wrote what was read last
	unsettled queue
	position  int64 // everything below has been seen
	top       int64 // highest settled offset + 1, inherited ones included
	doubtful  int   // unsettled ones that may have reached the API

	// Of the takeover. settled holds no run that ends at or below position.
	settled  Set
	doubtEnd int64
	doubt    Doubt
	sentTo   int64 // inherited

	changes uint64 // counts what commits could tell
	limit   int    // of the metadata's size, in characters
	acked   int64  // sentTo of the last acknowledged commit
	told    uint64 // changes as of that commit
	own     bool   // it was ours
	low     Low
	pending *pending
}

// New begins the tracking of an assignment.
func New(in Takeover) *Tracker {
	t := &Tracker{
		owner: short(in.InstanceID), topic: in.Topic, epoch: NoEpoch,
		position: in.Start, top: in.Start, acked: in.Start,
		sentTo: in.Start, doubtEnd: in.Start,
		limit: MaxMetadata, low: in.Low,
	}
	switch {
	case in.Meta != nil:
		t.inherit(in)
	case !in.Fresh: // [NoMetaFlag, InheritEnd]
		t.doubtEnd = max(in.Start, in.LogEnd)
		t.sentTo = t.doubtEnd
		t.doubt = OwnerGone
		if t.owner != "" {
			t.doubt = OwnerAlive // it can't be told who it was
		}
	}
	if !t.unreadDoubt() && !in.Gone {
		t.doubt = NoDoubt
	}
	return t
}

func (t *Tracker) inherit(in Takeover) {
	m := in.Meta
	if in.Start == m.Offset { // what a reset passes over was read by nobody, whoever wrote it
		t.epoch = m.Epoch
	}
	t.settled = m.Settled.from(in.Start)
	if n := len(t.settled); n > 0 {
		t.top = t.settled[n-1].To
	}
	t.sentTo = max(in.Start, m.SentTo)
	t.doubtEnd = t.sentTo
	if m.Owner != "" {
		// Whoever we are: x is cut off, another process joins under its instance-id, and the coordinator
		// takes that one for x come back. A rebalance moves the partition on to us. x's session has never
		// run out, and x goes on until its lease does.
		t.doubt = OwnerAlive
	} else {
		t.doubt = OwnerGone
		// One whose lease had run out when the log end was read can't have sent what came later. Without
		// this, each unclean end would put as many new events in doubt as sentTo was ahead.
		t.doubtEnd = min(t.sentTo, max(in.Start, in.LogEnd))
	}
	if t.owner == "" || m.Owner == t.owner {
		// Below the inherited sentTo sending may begin at once: the stored commit announces it. Not so if
		// it names another owner: whoever takes over from us under our instance-id must find that it was
		// us, or it waits too short for what we began [StaticWait].
		t.acked = t.sentTo
	}
}

// Doubt says whether anything is in doubt at the takeover, and how long what is in doubt has to wait:
// OwnerGone the request time-out [WaitR, WaitNoMeta], OwnerAlive the lease and the request time-out
// [StaticWait], counted from the assignment. It doesn't change later.
func (t *Tracker) Doubt() Doubt { return t.doubt }

// Wanted says that the event at offset is to be handed out: it wasn't seen before, and no earlier owner
// settled it [SkipSet]. One that isn't wanted is passed by Position.
func (t *Tracker) Wanted(offset int64) bool {
	return offset >= t.position && !t.settled.Contains(offset)
}

// Admit tracks a wanted event as unsettled, and everything below it as seen. inDoubt: an earlier owner may
// have sent it [FlagBelow]. ok is false, and nothing is tracked, if it isn't Wanted.
//
// That offset is below Limit is the caller's part.
func (t *Tracker) Admit(offset int64) (inDoubt, ok bool) {
	if !t.Wanted(offset) {
		return false, false
	}
	inDoubt = offset < t.doubtEnd
	t.Position(offset + 1)
	t.unsettled.push(offset, inDoubt)
	if inDoubt {
		t.doubtful++
	}
	return inDoubt, true
}

// Position says that everything below next has been seen: what wasn't admitted there is settled or doesn't
// exist. It is also to be told before waiting for Limit to pass an offset behind a gap, since commits
// announce what lies ahead of the position. A next below the position changes nothing.
func (t *Tracker) Position(next int64) {
	if next <= t.position {
		return
	}
	t.position = next
	t.changes++
	t.settled = t.settled.from(next)
}

// PassOver says that reading goes on at next though nobody has read up to there: which leaders wrote what is before it
// isn't known.
func (t *Tracker) PassOver(next int64) {
	t.Position(next)
	t.epoch = NoEpoch
}

// Limit is the first offset that may not be handed out yet: no event at or above it may be sent until a
// commit that announces it is acknowledged [Await] and unanswered ones can't undo that [LowSentTo]. It
// never falls before the last commit.
func (t *Tracker) Limit() int64 {
	if t.low.Any() {
		return min(t.acked, t.low.SentTo)
	}
	return t.acked
}

// Begin notes that an attempt for the event begins.
func (t *Tracker) Begin(offset int64) {
	if e := t.unsettled.find(offset); e != nil && !e.sent {
		e.sent = true
		t.doubtful++
	}
}

// Absolve notes that the API certainly doesn't have the event, neither from this owner nor from an earlier
// one.
func (t *Tracker) Absolve(offset int64) {
	if e := t.unsettled.find(offset); e != nil && e.sent {
		e.sent = false
		t.doubtful--
	}
}

// Settle notes the event's final outcome. False: it isn't tracked, or was settled before.
func (t *Tracker) Settle(offset int64) bool {
	sent, ok := t.unsettled.remove(offset)
	if !ok {
		return false
	}
	if sent {
		t.doubtful--
	}
	t.top = max(t.top, offset+1)
	t.changes++
	return true
}

// Epoch is that of the leader that wrote what was read last, here or by an earlier owner; NoEpoch: not known.
func (t *Tracker) Epoch() int32 { return t.epoch }

// Wrote says which leader wrote what is read from now on, by its epoch.
func (t *Tracker) Wrote(epoch int32) { t.epoch = max(t.epoch, epoch) }

// Seen is the position: the first offset that Position or Admit hasn't passed.
func (t *Tracker) Seen() int64 { return t.position }

// Watermark is the offset that a commit made now would name: every event below it is settled.
func (t *Tracker) Watermark() int64 {
	if e := t.unsettled.first(); e != nil {
		return e.offset
	}
	return t.position
}

// Unsettled counts the events that were admitted and not settled.
func (t *Tracker) Unsettled() int { return t.unsettled.live }

// Doubtful counts those of them that may have reached the API.
func (t *Tracker) Doubtful() int { return t.doubtful }

// Clean says that nothing which this owner or an earlier one sent lacks an outcome [CleanInherits]. What
// an earlier owner sent and this one hasn't read yet counts too.
func (t *Tracker) Clean() bool { return t.doubtful == 0 && !t.unreadDoubt() }

// unreadDoubt says that between position and doubtEnd there are offsets that weren't settled.
func (t *Tracker) unreadDoubt() bool {
	next := t.position
	for _, r := range t.settled {
		if r.From > next {
			break
		}
		next = r.To
	}
	return next < t.doubtEnd
}
