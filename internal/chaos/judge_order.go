package chaos

import (
	"slices"
	"time"

	"roomrelay/batcher"
	"roomrelay/internal/imsim"
)

// nothingIsPassed is I6 for each call as it comes: whatever stands before a message in its lane has its
// outcome, or is before it in the same call.
func (j *judge) nothingIsPassed(c *call) {
	byRoom := j.run.plan.Setting.Ordering == batcher.ByRoom
	for i, e := range c.entries {
		if e == nil || len(e.records) > 1 {
			continue
		}
		x := e.records[0]
		l := j.books.logs[x.partition]
		lane := x.lane(byRoom)
		for o := l.clear; o < x.offset; o++ {
			p := l.records[o]
			if p.settled() || p.entry == nil || len(p.entry.records) > 1 || p.lane(byRoom) != lane || slices.Contains(c.entries[:i], p.entry) || j.wasLeftOut(p.entry) {
				continue
			}
			if j.letters.read(j); p.settled() {
				continue
			}
			j.blame("I6", e.id, "sent by %s before %s, which stands before it in its lane and has no outcome", c.worker, p.event.ID)
			return
		}
	}
}

// grown is I11's late sealing: a batch that isn't full has nothing behind it that could share its call and
// that the worker had long before.
func (j *judge) grown(w *conduct, c *call) {
	s := &j.run.plan.Setting
	if len(c.Messages) >= s.MaxBatch || s.MaxBody < 64<<10 || !j.run.plan.sober() {
		return
	}
	var last *record
	for i, e := range c.entries {
		if e == nil || len(e.calls) > 0 || len(e.records) > 1 || c.Messages[i].Flag == 1 {
			return
		}
		last = e.records[0]
	}
	byRoom := s.Ordering == batcher.ByRoom
	lane := last.lane(byRoom)
	if j.partOfBatch(c, lane, last.at) || w.lease.lapsed.After(c.entries[0].records[0].at) {
		return
	}
	seen := w.fetched[last.partition]
	const long = 100 * time.Millisecond
	if time.Since(seen.at) < long || !j.run.atEase(c.worker) {
		return // a lease that lapses between the sealing and the sending keeps the batch as it is
	}
	for _, r := range j.books.logs[last.partition].records[last.offset+1:] {
		if !r.event.Valid || r.lane(byRoom) != lane {
			continue
		}
		if r.offset < seen.offset && len(r.entry.records) == 1 && len(r.entry.calls) == 0 && r.event.Sender == c.Sender && r.event.Options == c.Options && r.event.Resend == 0 {
			j.blame("I11", r.event.ID, "left behind by call %d, which has room for it: a batch is sealed when it is sent", c.Number)
		}
		return
	}
}

// roomPaced is the room's rate: no second has more messages than that and one batch.
func (j *judge) roomPaced(w *conduct, c *call) {
	s := &j.run.plan.Setting
	size := 0
	for _, e := range c.entries {
		if e != nil {
			size += len(e.records[0].event.Attach)
		}
	}
	if len(c.Messages) > 1 && size > s.MaxBody {
		j.blame("I7", c.Messages[0].MsgID, "a call of %d messages has %d bytes of texts; a body may have %d", len(c.Messages), size, s.MaxBody)
	}
	if s.RoomRate == 0 || c.waited > 0 || j.run.slack() > 0 || w.mayProbe(c.Began) {
		return // a probe keeps no pace: as long as the API refuses everybody, no room is shown anything
	}
	w.sent = slices.DeleteFunc(w.sent, func(b batchAt) bool { return c.Began.Sub(b.at) >= time.Second })
	n := 0
	for _, b := range w.sent {
		if b.room == c.Room {
			n += b.n
		}
	}
	w.sent = append(w.sent, batchAt{c.Room, c.Began, len(c.Messages)})
	// A refused batch that goes one by one, and what the API wants again at once, are paced by what they were.
	if n > s.RoomRate+s.MaxBatch+1 { // one more, since the times between are rounded
		j.blame("room-rate", "", "%s sent %d messages to room %d within a second; room-rate is %d", w.name, n, c.Room, s.RoomRate)
	}
}

// doubts notes what makes refusals doubtful, and unanswered calls an outage.
func (j *judge) doubts(w *conduct, c *call) {
	if c.faint || c.Ended.Before(w.unclear) {
		w.refused, w.surplus, w.mute, w.stopped = nil, 0, nil, time.Time{} // what the worker made of it can't be seen
		w.welcome = w.welcome || c.class == listed || c.class == repeated
		return
	}
	if c.class == refused {
		if w.refused = append(w.refused, c.Room); len(w.refused) >= 20 && several(w.refused) {
			w.surplus++
		}
		// Those that end at one instant the worker may have heard in another order.
		c.doubted = w.surplus > j.run.plan.Setting.Slots || c.Code == 414 && !w.welcome
	}
	if c.class == listed || c.class == repeated {
		w.welcome, w.refused, w.surplus = true, nil, 0
	}
	if c.class != unsure {
		w.mute, w.stopped = nil, time.Time{}
		return
	}
	w.mute = append(w.mute, c.Room)
	if w.stopped.IsZero() && len(w.mute) >= 10 && several(w.mute) {
		w.stopped = c.Ended
	}
}

// several says that there are three different rooms at least.
func several(rooms []int64) bool {
	different := map[int64]bool{}
	for _, r := range rooms {
		different[r] = true
	}
	return len(different) >= 3
}

// oneProbe is the breaker: when nobody is answered any more there is one call at a time.
func (j *judge) oneProbe(w *conduct, c *call) {
	if w.stopped.IsZero() || !w.stopped.Before(c.Began.Add(-instant-j.run.slack())) || !j.run.hears(c.worker) || c.Began.Before(w.unclear) {
		return
	}
	for _, p := range j.open {
		if p.worker == c.worker && p.Began.After(w.stopped.Add(instant)) && c.Began.Sub(p.Began) < requestTimeout-j.run.slack() {
			j.blame("I10", "", "ten calls in several rooms weren't answered by %.3fs, and %s has calls %d and %d on their way", j.at(w.stopped), c.worker, p.Number, c.Number)
		}
	}
}

// stopped holds a stop that was told to be clean, in peace, to I8 and I1: nothing was on its way any more, and
// everything that the worker heard a verdict on stands in a commit.
func (j *judge) stopped(worker string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	// With its lease, or its membership, it may have lost a partition and what it knew of it, to someone else or to itself.
	w := j.conduct(worker)
	since := later(w.lease.lapsed, w.joined)
	for _, c := range j.open {
		if c.worker == worker && time.Since(c.Began) < requestTimeout-instant && c.Began.After(since) {
			j.blame("I8", c.Messages[0].MsgID, "%s has stopped in order, though its call %d is on its way since %v", worker, c.Number, time.Since(c.Began))
			return
		}
	}
	if j.run.plan.Setting.SmallMeta || j.run.plan.does(TooLarge) {
		return // where the metadata has no room for all of it, some is sent again
	}
	g := j.ground()
	for _, c := range j.calls {
		if c.worker != worker || c.faint || c.class != listed || !c.Ended.After(since) {
			continue
		}
		for i, e := range c.entries {
			if e == nil || len(e.records) > 1 || c.Messages[i].Listed != imsim.InSuccess {
				continue
			}
			x := e.records[0]
			if stored := g.stored[x.partition]; !stored.settles(x.offset) && !x.deleted && !j.moved {
				j.blame("I1", e.id, "%s has stopped in order, and no commit says that the message was delivered: the next owner sends it again", worker)
				return
			}
		}
	}
}
