package chaos

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"time"

	"roomrelay/batcher"
	"roomrelay/deadletter"
	"roomrelay/internal/imsim"
	"roomrelay/internal/world"
	"roomrelay/sender"
)

// weigh holds a letter to what it must say, and to why it may be one. j.mu is held.
func (j *judge) weigh(x *letter) {
	j.run.cover.seen("letter", x.reason()+", "+x.outcome())
	j.content(x)
	r := x.record
	id := r.event.ID
	switch x.reason() {
	case deadletter.ReasonInvalid:
		if r.event.Valid {
			j.blame("I10", id, "a letter says that it is invalid, and it is valid: %v", x.headers)
		}
		return
	case sender.ReasonRefusedMessage, sender.ReasonRefusedRequest, sender.ReasonResendRequired:
		if r.entry == nil || !j.refusedFor(r.entry, x.reason()) {
			j.blame("I10", id, "a letter says %s, but no answer did: %v", x.reason(), x.headers)
		}
	case sender.ReasonGivenUp:
		if r.entry != nil && !j.triedAlone(x) {
			j.blame("I10", id, "given up without a last call of its own, as the first of its room: %v", x.headers)
		}
		if r.entry == nil || !j.hopeless(x) {
			j.blame("I10", id, "given up, though it was not tried in vain for long enough while other rooms were answered: %v", x.headers)
		}
	default:
		j.blame("I4", id, "a letter for no known reason: %v", x.headers)
	}
	if r.entry != nil && r.entry.may && len(r.entry.records) == 1 && len(r.entry.callers()) == 1 && !j.rejoined(r.entry) && !r.entry.sentSince(x.failedAt()) && x.outcome() != deadletter.OutcomeUnknown {
		j.blame("I4", id, "a letter says %s of a message that the API may have", x.outcome())
	}
	if r.event.Null {
		j.blame("I4", id, "a tombstone became a letter")
	}
}

// content holds what a letter carries to its source.
func (j *judge) content(x *letter) {
	w := &x.record.write
	want := map[string]string{
		"__dlq.errors.topic": world.Topic, "__dlq.errors.group": world.Group, "roomrelay.replays": "0",
		"roomrelay.first-partition": strconv.Itoa(int(x.record.partition)), "roomrelay.first-offset": strconv.FormatInt(x.record.offset, 10),
	}
	if x.record.event.Valid {
		want["roomrelay.msgid"], want["roomrelay.room"] = x.record.event.ID, strconv.FormatInt(x.record.event.Room, 10)
	}
	if r := x.record.replay; r != nil {
		want["roomrelay.replays"] = strconv.Itoa(r.replays)
		want["roomrelay.first-partition"], want["roomrelay.first-offset"] = strconv.Itoa(int(r.first.partition)), strconv.FormatInt(r.first.offset, 10)
	} else if x.record.event.Replay && x.headers["roomrelay.truncated"] == "" {
		want["roomrelay.replays"], want["roomrelay.first-partition"], want["roomrelay.first-offset"] = "1", "63", strconv.Itoa(replayOf)
	}
	if x.record.event.Replay && x.headers["roomrelay.truncated"] != "" {
		return // of a record that is larger than the buffer not even the headers are kept
	}
	for _, h := range w.Headers {
		if h.Key == "trace" && x.headers["roomrelay.truncated"] == "" {
			want["trace"] = string(h.Value)
		}
	}
	if n := int32(j.run.plan.Setting.Partitions); x.partition != x.record.partition%n {
		j.blame("I4", x.record.event.ID, "its letter stands in partition %d, want %d", x.partition, x.record.partition%n)
	}
	for name, value := range want {
		if x.headers[name] != value {
			j.blame("I4", x.record.event.ID, "its letter says %q of %s, want %q", x.headers[name], name, value)
		}
	}
	if string(x.key) != w.Key && x.headers["roomrelay.truncated"] == "" {
		j.blame("I4", x.record.event.ID, "its letter has the key %q, want %q", x.key, w.Key)
	}
	switch {
	case x.headers["roomrelay.truncated"] != "":
		if len(x.value) != 0 || x.value == nil {
			j.blame("I4", x.record.event.ID, "its letter is truncated, and has a value: %.100q", x.value)
		}
	case !x.record.event.Valid:
		if !bytes.Equal(x.value, w.Value) {
			j.blame("I4", x.record.event.ID, "its letter has other bytes than the record: %.100q, want %.100q", x.value, w.Value)
		}
	default:
		var got, source map[string]any
		err := json.Unmarshal(x.value, &got)
		_ = json.Unmarshal(w.Value, &source)
		source["resendFlag"] = 1.0
		if err != nil || !reflect.DeepEqual(got, source) {
			j.blame("I5", x.record.event.ID, "its letter has the value %.200q, want the record's with resendFlag 1", x.value)
		}
	}
}

// refusedFor says that the API did refuse the message, in a way that makes it a letter. That it is to be resent
// never does here: the API forgets, and what it never had is sent once more.
func (j *judge) refusedFor(e *entry, reason string) bool {
	for _, c := range e.calls {
		for i, x := range c.entries {
			if x != e || !c.over {
				continue
			}
			switch reason {
			case sender.ReasonRefusedMessage:
				if c.class == listed && c.Messages[i].Reason == imsim.ReasonRefuse {
					return true
				}
			case sender.ReasonRefusedRequest:
				if c.class == refused && !c.doubted && (len(c.entries) == 1 || j.condemned(c)) {
					return true
				}
			}
		}
	}
	return false
}

// condemned says that of the call's sender in its room three different messages had been refused alone with
// the same code, by the same worker, not long before.
func (j *judge) condemned(c *call) bool {
	alone := map[string]bool{}
	for _, p := range j.calls {
		if p.worker == c.worker && p.Room == c.Room && p.Sender == c.Sender && p.class == refused && p.Code == c.Code && len(p.entries) == 1 && !p.Ended.After(c.Ended) {
			alone[p.Messages[0].MsgID] = true
		}
	}
	return len(alone) >= 3
}

// hopeless says that giving up was right: the message, or one of its room since whose giving up nobody of
// the room was answered, was tried in vain five times over give-up-after while other rooms were answered.
func (j *judge) hopeless(l *letter) bool {
	r := l.record
	for _, w := range j.workers {
		if j.vain(w.name, r.entry, l.failedAt()) {
			return true
		}
	}
	if time.Since(r.at) < giveUpAfter {
		return false
	}
	for _, x := range j.letters.all {
		if x.record != nil && x.record != r && x.reason() == sender.ReasonGivenUp && x.record.event.Room == r.event.Room && x.record.entry != nil {
			for _, w := range j.workers {
				if j.vain(w.name, x.record.entry, x.failedAt()) && !j.answeredSince(w.name, r.event.Room, x.failedAt(), l.failedAt()) {
					return true
				}
			}
		}
	}
	return false
}

// answeredSince says that somebody of the room was answered after a time, and not just before another: the room
// wasn't given up any more. A letter tells its time in whole milliseconds.
func (j *judge) answeredSince(worker string, room int64, since, until time.Time) bool {
	const lately = 3 * time.Second
	for _, c := range j.calls {
		if c.worker == worker && c.Room == room && !c.faint && (c.class == listed || c.class == repeated) && c.Began.After(since.Add(time.Millisecond)) && until.Sub(c.Ended) > lately && time.Since(c.Ended) > lately {
			return true
		}
	}
	return false
}

// triedAlone says that the message's last call was its own, unless its room had been given up before.
func (j *judge) triedAlone(x *letter) bool {
	var last *call
	for _, c := range x.record.entry.calls {
		if c.Began.Before(x.failedAt().Add(-instant)) { // what came later is another owner's
			last = c
		}
	}
	if last == nil || len(last.entries) == 1 || len(x.record.entry.records) > 1 || !j.run.plan.sober() {
		return true
	}
	return slices.ContainsFunc(j.letters.all, func(p *letter) bool {
		return p != x && p.record != nil && p.record.event.Room == x.record.event.Room && p.reason() == sender.ReasonGivenUp && !p.failedAt().After(x.failedAt())
	})
}

// vain says that a worker tried a message in vain for long enough. Attempts that never reached the API
// can't be seen here; where the link had wounds, fewer do.
func (j *judge) vain(worker string, e *entry, until time.Time) bool {
	tries := j.vainCalls(worker, e, until)
	if j.run.plan.unseen() {
		return len(tries) > 0
	}
	return j.enough(tries, until)
}

// enough says that calls which ended without a verdict, and were looked at until then, are enough to give up.
func (j *judge) enough(tries []*call, until time.Time) bool {
	counted := 0
	var first, last time.Time
	for i, c := range tries {
		next := until.Add(instant)
		if i+1 < len(tries) {
			next = tries[i+1].Began
		}
		if j.elsewhere(c, next) {
			if counted++; counted == 1 {
				first = c.Began
			}
			last = c.Began
		}
	}
	return counted >= 5 && last.Sub(first) >= giveUpAfter-requestTimeout
}

// vainCalls are the calls of a message's lane since it was published that ended without a verdict: a batch is
// given up as a whole, and a lane has one batch at a time.
func (j *judge) vainCalls(worker string, e *entry, until time.Time) (tries []*call) {
	lane := e.records[0].lane(j.run.plan.Setting.Ordering == batcher.ByRoom)
	for _, c := range j.calls {
		if c.worker != worker || !c.over || !slices.Contains(c.lanes, lane) || c.Began.Before(e.records[0].at) || c.Began.After(until) {
			continue
		}
		switch {
		case slices.ContainsFunc(c.entries, c.silent):
			tries = append(tries, c)
		case c.class == listed && (!c.another(e) || !j.enough(tries, c.Began)):
			tries = nil // the API has just looked at the batch
		}
	}
	return tries
}

// another says that the call had only another message, which the API didn't ask for once more: where a batch is about
// to be given up, each of its messages has one call alone, and what became of those before doesn't help the next.
func (c *call) another(e *entry) bool {
	return len(c.entries) == 1 && c.entries[0] != e && c.Messages[0].Reason != imsim.ReasonResend
}

// elsewhere says that the call's worker was answered in another room after it began and before until. An answer that
// comes byte by byte may reach it later than it was given.
func (j *judge) elsewhere(c *call, until time.Time) bool {
	for _, p := range j.calls {
		if p.worker != c.worker || p.Room == c.Room || !p.over || !p.answered() {
			continue
		}
		latest := p.Ended.Add(j.run.plan.dribble(p.Began.Sub(j.run.began)))
		if !latest.Before(c.Began) && !p.Ended.After(until) {
			return true
		}
	}
	return false
}

// unseen says that attempts may end on their way, where nobody sees them.
func (p *Plan) unseen() bool {
	return slices.ContainsFunc(p.Deeds, func(d Deed) bool {
		return slices.Contains([]Do{Freeze, CutAPI, DeafAPI, Reset, WoundsAPI, Refuse, Wall, Hesitate}, d.Do)
	})
}
