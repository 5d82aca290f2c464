package world

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"roomrelay/batcher"
	"roomrelay/internal/audit"
	"roomrelay/internal/imsim"
	"roomrelay/sender"
)

// sample holds the commits of this moment to I2: all below them was shown or is a letter.
func (r *Run) sample() {
	for i, s := range r.seats {
		if err, ended := s.worker.Ended(); ended && !s.busy {
			r.violate("worker %d has ended: %v", i, err)
			s.turn++
			r.sit(s)
		}
	}
	offsets := make([]int64, r.plan.Partitions)
	var open []audit.Event
	for p := range offsets {
		offsets[p], _ = r.Committed(p)
	}
	shown := map[audit.Message]bool{}
	for x := range r.Sim.Messages(0) {
		shown[audit.Message{Room: x.Room, MsgID: x.MsgID}] = true
	}
	for _, e := range r.drawn {
		out := e.Valid && shown[audit.Message{Room: e.Room, MsgID: e.MsgID}]
		if e.Offset >= r.seen[e.Partition] && e.Offset < offsets[e.Partition] && !out {
			open = append(open, e)
		}
	}
	if len(open) > 0 {
		letters := r.placed()
		for _, e := range open {
			if !slices.ContainsFunc(letters, func(l audit.Letter) bool { return l.Partition == e.Partition && l.Offset == e.Offset }) {
				r.violate("I2: the commit %d of partition %d passes offset %d (%s), which is neither shown nor a letter\n%s", offsets[e.Partition], e.Partition, e.Offset, e.MsgID, r.history(e.MsgID))
			}
		}
	}
	for p, o := range offsets {
		r.seen[p] = max(r.seen[p], o)
	}
}

// placed is the letters by the places of their events.
func (r *Run) placed() []audit.Letter {
	var all []audit.Letter
	for _, l := range r.Letters() {
		p, _ := strconv.ParseInt(l.Headers["__dlq.errors.partition"], 10, 32)
		o, _ := strconv.ParseInt(l.Headers["__dlq.errors.offset"], 10, 64)
		all = append(all, audit.Letter{Partition: int32(p), Offset: o, Reason: l.Reason()})
	}
	return all
}

// judge holds what has become of everything against what was published.
func (r *Run) judge() {
	letters := r.placed()
	result := audit.Check(audit.Input{ByRoom: r.plan.Ordering == batcher.ByRoom, Published: r.drawn, Shown: r.Sim.Messages(0), Letters: letters})
	for _, v := range result.Violations {
		if !r.excused(v, letters) {
			r.violate("%v\n%s", v, r.history(v.MsgID))
		}
	}
	stats := r.Sim.Stats()
	if stats.Unflagged > 0 || stats.ShownTwice > 0 {
		r.violate("unflagged %d, shown twice %d\n%s", stats.Unflagged, stats.ShownTwice, r.unflagged())
	}
	if n := stats.ByCode["416"]; n > 0 && !r.faulty416() {
		r.violate("I12: %d answers 416 within the rate", n)
	}
	for _, c := range r.calls {
		ids := map[string]bool{}
		for _, m := range c.Messages {
			ids[m.MsgID] = true
		}
		if len(ids) != len(c.Messages) || len(ids) < 1 || len(ids) > r.plan.MaxBatch {
			r.violate("I12: a call of %+v", c.Messages)
		}
	}
}

func (r *Run) faulty416() bool {
	for _, x := range r.plan.Faults.Rules {
		if x.Code == 416 {
			return true
		}
	}
	return false
}

// excused knows the exceptions that the rules name.
func (r *Run) excused(v audit.Violation, letters []audit.Letter) bool {
	switch v.Kind {
	case audit.FalseLetter:
		// Given up is who has trouble of its own while others are answered.
		return strings.Contains(v.Words, "("+sender.ReasonGivenUp+")") && r.failures(v.Room) >= 5
	case audit.Swapped:
		// One that is a letter may be delivered late; one left out comes after those that shared its call.
		return r.lettered(v, letters) || r.leftOut(v.MsgID)
	}
	return false
}

// failures counts the calls of a room that had no outcome.
func (r *Run) failures(room int64) (n int) {
	for _, c := range r.calls {
		if c.Room == room && c.Code != 200 && !r.refused(c.Code) {
			n++
		}
	}
	return n
}

func (r *Run) refused(code int) bool {
	return slices.ContainsFunc(r.plan.Lasting, func(x imsim.Rule) bool { return code != 0 && x.Code == code })
}

func (r *Run) lettered(v audit.Violation, letters []audit.Letter) bool {
	for _, e := range r.drawn {
		if e.Room == v.Room && e.MsgID == v.MsgID && slices.ContainsFunc(letters, func(l audit.Letter) bool { return l.Partition == e.Partition && l.Offset == e.Offset }) {
			return true
		}
	}
	return false
}

// leftOut says that the message may have been left out of what was taken of a call.
func (r *Run) leftOut(id string) bool {
	rule := slices.ContainsFunc(r.plan.Faults.Rules, func(x imsim.Rule) bool { return x.Do == imsim.DoLeaveOut })
	return rule && slices.ContainsFunc(r.callsWith(id), func(c int) bool { return r.calls[c].Taken && len(r.calls[c].Messages) > 1 })
}

func (r *Run) callsWith(id string) (all []int) {
	for i, c := range r.calls {
		for _, m := range c.Messages {
			if m.MsgID == id {
				all = append(all, i)
			}
		}
	}
	return all
}

// unflagged tells of messages whose flag went from something taken to 0.
func (r *Run) unflagged() string {
	taken := map[string]bool{}
	for _, c := range r.calls {
		for _, m := range c.Messages {
			if taken[m.MsgID] && m.Flag == 0 {
				return r.history(m.MsgID)
			}
			taken[m.MsgID] = taken[m.MsgID] || c.Taken
		}
	}
	return ""
}

// history is the life of one message, among what happened.
func (r *Run) history(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := slices.Clone(r.notes)
	for _, e := range r.drawn {
		if e.MsgID == id {
			lines = append(lines, fmt.Sprintf("     published %+v", e))
		}
	}
	for _, i := range r.callsWith(id) {
		c := r.calls[i]
		lines = append(lines, fmt.Sprintf("%8.3fs call until %.3fs, room %d %s: %+v: status %d code %d taken %v fault %q",
			c.Began.Sub(r.began).Seconds(), c.Ended.Sub(r.began).Seconds(), c.Room, c.Sender, c.Messages, c.Status, c.Code, c.Taken, c.Fault))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
