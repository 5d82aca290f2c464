package chaos

import (
	"slices"
	"time"

	"roomrelay/internal/imsim"
)

// ended takes in what became of a call, just before its answer goes out.
func (j *judge) ended(x imsim.Call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := j.open[x.Number]
	if c == nil {
		return // it was refused before it was read
	}
	delete(j.open, x.Number)
	c.Call, c.over, c.class = x, true, classOf(&x)
	c.Messages = slices.Clone(x.Messages)
	for i, e := range c.entries {
		if e != nil {
			j.told(c, i, e)
		}
	}
	w := j.conduct(c.worker)
	c.faint = c.Ended.Sub(c.Began) >= requestTimeout-100*time.Millisecond || !j.run.hears(c.worker)
	if d := j.run.plan.dribble(j.run.now()); d > 0 && c.Status != 0 { // every answer that is written may come in pieces
		c.faint, w.unclear = true, c.Ended.Add(d)
	}
	w.heard(c)
	j.doubts(w, c)
	j.stands(w, c)
	j.split(w, c)
	if c.class == throttled && !c.faint {
		w.blocked = c.Ended
	}
	j.cover(c)
}

// told takes in what became of one message.
func (j *judge) told(c *call, i int, e *entry) {
	m := c.Messages[i]
	if m.Shown {
		e.shown++
	}
	switch {
	case m.Shown, c.Taken && c.class != listed && !e.absolvedSince(c):
		e.may = true
	case c.class == listed && m.Listed == imsim.InFail && m.Reason == imsim.ReasonResend:
		e.may = false // it never had it, and says so
	case c.class == listed && m.Listed == imsim.InFail, c.class == throttled, c.class == refused, c.class == setUp:
		e.may = c.before[i]
	}
}

// stands notes how the room stands with the worker now. Where two calls of it end at one instant in
// different ways, nobody can tell which of them the worker heard first.
func (j *judge) stands(w *conduct, c *call) {
	s := w.rooms[c.Room]
	if s == nil {
		s = &standing{}
		w.rooms[c.Room] = s
	}
	ill := c.class == unsure
	switch {
	case c.class == throttled || c.class == setUp || c.class == refused:
		s.trouble = time.Time{} // a refusal makes trouble, too, unless it is the worker's set-up that is in doubt
	case !ill, s.changed.Equal(c.Ended) && s.trouble.IsZero(), c.Ended.Before(w.unclear):
		s.trouble = time.Time{}
	case s.trouble.IsZero():
		s.trouble = c.Ended
	}
	s.changed = c.Ended
	switch {
	case !ill:
		s.vain, s.asked = 0, time.Time{}
	case c.faint:
		s.vain = 0 // the worker may have heard something else
	case !c.Began.Before(s.failed): // those that were on their way together are one failure
		s.vain, s.failed = s.vain+1, c.Ended
	}
	if c.Fault == retryAfterRule && !c.faint {
		s.asked = c.Ended.Add(retryAfter)
	}
}

// split notes lanes in which a refused batch goes one by one, for the coverage.
func (j *judge) split(w *conduct, c *call) {
	for _, l := range c.lanes {
		if c.class == refused && len(c.Messages) > 1 {
			w.flawed[l] = true
		} else if len(c.Messages) > 1 {
			delete(w.flawed, l)
		}
	}
}

// cover counts what the answer was.
func (j *judge) cover(c *call) {
	name := [...]string{"open", "listed", "repeated", "throttled", "unsure", "refused", "set-up"}[c.class]
	j.run.cover.seen("answer", name)
	if c.Fault != "" {
		j.run.cover.seen("API's fault", c.Fault)
	}
	for i, m := range c.Messages {
		if c.class == listed && m.Listed == imsim.InNeither {
			j.run.cover.seen("message", "left out of both lists")
		}
		if m.Listed == imsim.InFail && m.Reason == imsim.ReasonResend {
			j.run.cover.seen("message", "never had")
		}
		if m.Flag == 1 && c.before[i] {
			j.run.cover.seen("message", "sent again with 1")
		}
	}
}

// sample notes it of everybody.
func (j *judge) sample() {
	j.mu.Lock()
	defer j.mu.Unlock()
	g := j.ground()
	for _, w := range j.workers {
		j.hold(w, &g)
	}
}

// hold notes how many partitions are assigned to the worker.
func (j *judge) hold(w *conduct, g *ground) {
	n := 0
	for _, member := range g.owner {
		if j.members[member] == w.name {
			n++
		}
	}
	if len(w.held) == 0 || w.held[len(w.held)-1].n != n {
		w.held = append(w.held, holding{time.Now(), n})
	}
}

// share is how many calls a second the worker may make: by the most partitions that it had while the second
// lasted, or still gave up then. That takes as long as a rebalance may, and two unanswered commits; nobody else
// has a part in their share meanwhile.
func (j *judge) share(w *conduct, now time.Time) int {
	since := now.Add(-time.Second - j.run.plan.Setting.Rebalance - 15*time.Second)
	held := 1
	for _, h := range slices.Backward(w.held) {
		held = max(held, h.n)
		if h.at.Before(since) {
			break
		}
	}
	return max(1, j.run.plan.Setting.Rate*held/j.run.plan.Setting.Partitions) // partitions that were added make it less
}

// calm holds two messages that were published within one window, in peace, to I11. at is when the first was.
func (j *judge) calm(first, second Event, at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &j.run.plan.Setting
	due := at.Add(s.Window)
	switch s.MaxBatch {
	case 1:
		due = at
	case 2:
		due = at.Add(s.Window * 6 / 10) // full when the second comes
	}
	late := due.Add(j.leeway())
	for i, x := range []Event{first, second} {
		e := j.books.entries[message{x.Room, x.ID}]
		// Whoever shares its instance id with the owner before can't tell what that one may still send.
		if s.Static && (len(e.calls) != 1 || e.calls[0].Messages[0].Flag == 1) {
			return
		}
		if len(e.calls) != 1 {
			j.blame("I11", x.ID, "sent %d times, in peace", len(e.calls))
			return
		}
		c := e.calls[0]
		if s.MaxBatch > 1 && s.MaxBody >= 1000 && len(c.Messages) != 2 {
			j.blame("I11", x.ID, "went in a call of %d, though two came within one window and nothing held them back", len(c.Messages))
		}
		if c.Began.Before(due.Add(-instant)) || c.Began.After(late) && (i == 0 || s.MaxBatch > 1) {
			j.blame("I11", x.ID, "sent %v after the first was published; the window is %v", c.Began.Sub(at), s.Window)
		}
		for _, m := range c.Messages {
			if m.MsgID == x.ID && m.Flag != 0 {
				j.blame("I5", x.ID, "sent with resendFlag 1 in peace, though nobody can have sent it")
			}
		}
	}
}

// leeway is by how much a call may come too late in peace. An idle worker needs no time; the quota's pace and the room's
// may be in the way.
func (j *judge) leeway() time.Duration {
	s := &j.run.plan.Setting
	late := 50 * time.Millisecond
	if s.Rate > 0 {
		token := time.Second / time.Duration(max(1, s.Rate/len(j.books.logs)))
		late += token
		if s.Endpoints > 1 {
			late += token // the main endpoint may be closed to it for good: an attempt there finds it out anew
		}
	}
	if s.RoomRate > 0 {
		late += time.Second
	}
	return late
}

// behind holds a message that came at a time while a call of its lane was on its way to I11: its window has begun when it
// came, and not with the call's end.
func (j *judge) behind(first, second Event, at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	a, b := j.books.entries[message{first.Room, first.ID}], j.books.entries[message{second.Room, second.ID}]
	if len(a.calls) != 1 || len(b.calls) != 1 || a.calls[0] == b.calls[0] || a.calls[0].Ended.Before(at) || b.calls[0].Messages[0].Flag == 1 {
		return // an owner in doubt holds it back, or they didn't meet
	}
	due := at.Add(j.run.plan.Setting.Window)
	if ended := a.calls[0].Ended; ended.After(due) {
		due = ended
	}
	if late := b.calls[0].Began.Sub(due); late > j.leeway() {
		j.blame("I11", second.ID, "sent %v after it was due: its window was over, and so was the call before", late)
	}
}

// together holds two messages of different lanes of a room, published at one instant in peace, to I9 and I11:
// neither waits for the other's answer.
func (j *judge) together(left, right Event, at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &j.run.plan.Setting
	for _, x := range []Event{left, right} {
		e := j.books.entries[message{x.Room, x.ID}]
		if len(e.calls) == 0 || e.calls[0].Messages[0].Flag == 1 {
			return // an owner in doubt holds it back
		}
		if late := e.calls[0].Began.Sub(at) - s.Window; late > 50*time.Millisecond {
			j.blame("I9", x.ID, "sent %v after its window, in peace: it waited for another lane of its room, which isn't in trouble", late)
		}
	}
}
