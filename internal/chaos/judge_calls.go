package chaos

import (
	"fmt"
	"slices"
	"time"

	"roomrelay/batcher"
	"roomrelay/internal/imsim"
)

// instant is a slack for what happens at the same instant of the world's time in no certain order.
const instant = time.Millisecond

// arrived holds a call that has come to the API against what is known by then.
func (j *judge) arrived(x imsim.Call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := &call{Call: x, worker: nameOf(x.Host)}
	j.catchUp()
	c.firm, c.waited = j.run.hears(c.worker), j.run.hesitated(c.worker)
	w := j.conduct(c.worker)
	g := j.ground()
	j.hold(w, &g)
	byRoom := j.run.plan.Setting.Ordering == batcher.ByRoom
	j.shape(c)
	for _, m := range c.Messages {
		e := j.books.entries[message{c.Room, m.MsgID}]
		c.entries = append(c.entries, e)
		c.before = append(c.before, e != nil && e.may)
		if e == nil {
			j.blame("strange", m.MsgID, "sent to room %d, but never published so", c.Room)
			continue
		}
		j.mayBeSent(c, e, m.Flag, &g)
		for _, r := range e.records {
			c.lanes = append(c.lanes, r.lane(byRoom))
		}
	}
	j.lanesAreFree(c)
	j.nothingIsPassed(c)
	j.roomIsFree(w, c)
	j.paced(w, c)
	j.roomPaced(w, c)
	j.ripe(c)
	j.grown(w, c)
	j.leased(w, c.Began, aCall)
	j.oneProbe(w, c)
	for _, e := range c.entries {
		if e != nil {
			e.may = true
			e.calls = append(e.calls, c)
		}
	}
	j.calls = append(j.calls, c)
	j.open[c.Number] = c
}

// shape is I12's first half: one room, one sender, one set of options, 1 to max-batch messages, none twice.
func (j *judge) shape(c *call) {
	if n := len(c.Messages); n < 1 || n > j.run.plan.Setting.MaxBatch {
		j.blame("I12", "", "a call of %d messages, max-batch is %d", n, j.run.plan.Setting.MaxBatch)
	}
	for i, m := range c.Messages {
		if slices.ContainsFunc(c.Messages[:i], func(x imsim.Sent) bool { return x.MsgID == m.MsgID }) {
			j.blame("I12", m.MsgID, "twice in one call")
		}
		e := j.books.entries[message{c.Room, m.MsgID}]
		if e == nil {
			continue
		}
		if r := e.records[0]; r.event.Sender != c.Sender || r.event.Options != c.Options {
			j.blame("I12", m.MsgID, "of %s with options %q, sent in a call of %s with options %q", r.event.Sender, r.event.Options, c.Sender, c.Options)
		}
	}
}

// mayBeSent holds one message of a call against I1, I3 and I5.
func (j *judge) mayBeSent(c *call, e *entry, flag uint8, g *ground) {
	var announced, unsettled, ours bool
	var owner string
	for _, r := range e.records {
		stored, there := g.stored[r.partition]
		known := there && stored.settles(r.offset)
		unsettled = unsettled || !known
		announced = announced || !known && stored.announces(r.offset)
		if o, foreign := j.stranger(g, r.partition, c.worker); foreign {
			owner = o
		} else {
			ours = true
		}
	}
	switch {
	case !ours && !j.run.displaced(c.worker):
		j.blame("I3", e.id, "sent by %s while its partition is %s's", c.worker, owner)
	case !unsettled && !j.run.displaced(c.worker) && !e.records[0].deleted:
		j.blame("I1", e.id, "sent by %s, though the group's commit says that it has its outcome", c.worker)
	case unsettled && !announced:
		j.blame("I5", e.id, "sent by %s before a commit announced it: whoever comes next wouldn't know", c.worker)
	}
	if flag == 0 && e.may && !e.repeated(c.worker) {
		j.blame("I5", e.id, "sent with resendFlag 0, though the API may have it")
	}
	for _, p := range e.calls {
		until := p.Began.Add(requestTimeout - j.run.slack())
		heard := p.over && (p.class != unsure || p.Status == 200 && p.Code != 0)
		if !heard && p.firm && c.Began.Before(until) {
			j.blame("I5", e.id, "sent again %v after a call that nobody answered, and that may still be taken", c.Began.Sub(p.Began))
		}
	}
}

// lanesAreFree is I6 at its root: one batch of a lane at a time.
func (j *judge) lanesAreFree(c *call) {
	for _, p := range j.open {
		if c.Began.Sub(p.Began) >= requestTimeout-j.run.slack() {
			continue // who sent it has given it up
		}
		if !slices.ContainsFunc(p.entries, func(e *entry) bool { return e != nil && !e.records[0].deleted }) {
			continue // whoever comes next begins behind what Kafka has deleted, and knows of nothing before it
		}
		for _, l := range c.lanes {
			if slices.Contains(p.lanes, l) {
				j.blame("I6", c.Messages[0].MsgID, "sent by %s in call %d while call %d of %s in its lane %+v was on its way", c.worker, c.Number, p.Number, p.worker, l)
			}
		}
	}
}

// roomIsFree is I9: a room in trouble has one call at a time, and all of them a tenth of the slots.
func (j *judge) roomIsFree(w *conduct, c *call) {
	in := func(room int64) bool {
		s := w.rooms[room]
		return s != nil && !s.trouble.IsZero() && s.trouble.Before(c.Began.Add(-instant-j.run.slack()))
	}
	c.trouble = in(c.Room)
	if !c.trouble || !j.run.hears(c.worker) || c.Began.Before(w.unclear) {
		return // what is cut or dribbles on its way ends for the worker at another time than here
	}
	all := 1
	for _, p := range j.open {
		if p.worker != c.worker || !p.trouble || !in(p.Room) || c.Began.Sub(p.Began) >= requestTimeout-j.run.slack() {
			continue
		}
		if c.Began.Sub(p.Began) < instant {
			continue // what the worker heard at this instant, and in which order, can't be told
		}
		all++
		if p.Room == c.Room {
			j.blame("I9", c.Messages[0].MsgID, "room %d is in trouble since %.3fs, and %s has calls %d and %d in it at once", c.Room, j.at(w.rooms[c.Room].trouble), c.worker, p.Number, c.Number)
		}
	}
	j.backsOff(w, c)
	tenth := max(1, j.run.plan.Setting.Slots/10)
	if w.mayProbe(c.Began) || j.run.mayProbe(c.worker) {
		tenth++ // a probe, to which the tenth doesn't apply
	}
	if all > tenth {
		j.blame("I9", "", "%s has %d calls of rooms in trouble on their way, a tenth of its slots is %d: call %d in room %d and %v", c.worker, all, tenth, c.Number, c.Room, j.numbers(c.worker))
	}
}

// paced is I12's second half: the share of the rate, and the penalty of a 416.
func (j *judge) paced(w *conduct, c *call) {
	if since := c.Began.Sub(w.blocked); c.waited == 0 && !w.blocked.IsZero() && since > instant+j.run.slack() && since < 10*time.Second-instant {
		j.blame("I12", "", "%s began call %d %v after a 416", c.worker, c.Number, since)
	}
	w.begun = append(w.begun, c.Began)
	rate := j.run.plan.Setting.Rate
	if rate == 0 || c.waited > 0 || j.run.slack() > 0 {
		return
	}
	n := 0
	for _, t := range slices.Backward(w.begun) {
		if c.Began.Sub(t) >= time.Second {
			break
		}
		n++
	}
	if share := j.share(w, c.Began); n > share {
		j.blame("I12", "", "%s began %d calls within a second; its share of %d a second is %d", c.worker, n, rate, share)
	}
}

// ripe is I11's first half: a batch that isn't full waits for its head's window, unless what follows in its
// lane can't share the call.
func (j *judge) ripe(c *call) {
	s := &j.run.plan.Setting
	if len(c.Messages) == s.MaxBatch || s.MaxBody < 64<<10 {
		return
	}
	var first, last *record
	for _, e := range c.entries {
		if e == nil || len(e.calls) > 0 || len(e.records) > 1 {
			return
		}
		last = e.records[0]
		if first == nil {
			first = last
		}
	}
	if first == nil || !c.Began.Before(first.at.Add(s.Window-instant)) {
		return
	}
	lane := last.lane(s.Ordering == batcher.ByRoom)
	if j.partOfBatch(c, lane, first.at) {
		return
	}
	for _, r := range j.books.logs[last.partition].records[last.offset+1:] {
		if r.event.Valid && r.lane(s.Ordering == batcher.ByRoom) == lane {
			return
		}
	}
	j.blame("I11", first.event.ID, "sent %v after it was published, with %d of %d messages in its call, in a window of %v", c.Began.Sub(first.at), len(c.Messages), s.MaxBatch, s.Window)
}

// partOfBatch says that the call may be the rest of a batch that was sealed before: a message that goes with
// 0 shares no call with one that goes with 1 before it.
func (j *judge) partOfBatch(c *call, lane laneOf, since time.Time) bool {
	for _, p := range slices.Backward(j.calls) {
		if p.worker != c.worker || !slices.Contains(p.lanes, lane) {
			continue
		}
		if p.Ended.Before(since) {
			return false
		}
		if slices.ContainsFunc(p.Messages, func(m imsim.Sent) bool { return m.Flag == 1 }) {
			return true
		}
	}
	return false
}

// backsOff says that calls of a room that aren't answered become rarer, and that what the API asks for is
// heeded. A probe asks neither.
func (j *judge) backsOff(w *conduct, c *call) {
	s := w.rooms[c.Room]
	if w.mayProbe(c.Began) || !j.run.plan.sober() {
		return
	}
	const many = 8 // by then the backoff is as long as it gets, less its jitter
	if gap := c.Began.Sub(s.changed); s.vain >= many && gap < retryMost/2 {
		j.blame("I9", "", "%s called room %d again after %v, though %d calls in a row had no outcome", w.name, c.Room, gap, s.vain)
	}
	if c.Began.Before(s.asked.Add(-instant)) {
		j.blame("I9", "", "%s called room %d %v before the time that the API had asked for", w.name, c.Room, s.asked.Sub(c.Began))
	}
}

// numbers are the calls of a worker that are on their way.
func (j *judge) numbers(worker string) (all []string) {
	for n, p := range j.open {
		if p.worker == worker {
			all = append(all, fmt.Sprintf("%d in room %d since %.3fs", n, p.Room, j.at(p.Began)))
		}
	}
	slices.Sort(all)
	return all
}
