package chaos

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/batcher"
	"roomrelay/internal/imsim"
	"roomrelay/internal/world"
)

// drawBursts draws what is published: a few messages of one sender at a time, and now and then a flood of
// everybody's that no bound and no quota can take at once.
func (p *Plan) drawBursts(r *rand.Rand) {
	d := &scribe{plan: p, r: r}
	for range 8 + r.IntN(40) {
		p.Bursts = append(p.Bursts, d.burst(within(r, p.Length), 1+r.IntN(12), p.Rooms[r.IntN(len(p.Rooms))], d.sender()))
	}
	switch {
	case one(r, 3): // a flood that no bound and no quota can take at once
		p.flood = true
		at := within(r, p.Length)
		for range 10 + r.IntN(20) {
			p.Bursts = append(p.Bursts, d.burst(at+within(r, 200*time.Millisecond), 4+r.IntN(14), p.Rooms[r.IntN(len(p.Rooms))], d.sender()))
		}
	case one(r, 4): // a torrent into one partition: more than commits announce ahead
		p.Setting.Rate, p.Setting.RoomRate = 0, 0
		p.torrent = 1 + within(r, p.Length/2)
		from, room := p.torrent, p.Rooms[r.IntN(len(p.Rooms))]
		gap := between(r, 40*time.Millisecond, 200*time.Millisecond)
		for i := range 60 + r.IntN(60) {
			p.Bursts = append(p.Bursts, d.burst(from+time.Duration(i)*gap, 4+r.IntN(5), p.neighbour(r, room), d.sender()))
		}
	}
}

// neighbour is a room of the same partition.
func (p *Plan) neighbour(r *rand.Rand, room int64) int64 {
	for range 20 {
		if x := p.Rooms[r.IntN(len(p.Rooms))]; p.home(x) == p.home(room) {
			return x
		}
	}
	return room
}

// scribe writes the messages of a plan.
type scribe struct {
	plan *Plan
	r    *rand.Rand
	n    int
}

func (d *scribe) sender() string { return fmt.Sprint("s", d.r.IntN(3)) }

func (d *scribe) burst(at time.Duration, n int, room int64, sender string) Burst {
	var b Burst
	dense := one(d.r, 2) // at one instant, or over some seconds
	for range n {
		w := d.message(at, room, sender)
		b = append(b, w)
		if !dense {
			at += time.Duration(d.r.IntN(2)) * within(d.r, 300*time.Millisecond)
		}
		if w.Event.Valid && one(d.r, 30) {
			b = append(b, d.again(w, at))
		}
	}
	return b
}

// message draws a record: mostly a message, now and then one that is none.
func (d *scribe) message(at time.Duration, room int64, sender string) Write {
	d.n++
	e := Event{Room: room, Sender: sender, ID: fmt.Sprint("m", d.n), Attach: fmt.Sprint("text ", d.n), Valid: true}
	m := map[string]any{"roomid": room, "fromAccid": sender, "msgId": e.ID, "msgType": 0, "attach": e.Attach}
	if one(d.r, 12) {
		e.Attach = strings.Repeat("long ", 20+d.r.IntN(60))
		m["attach"] = e.Attach
	}
	if one(d.r, 10) {
		m["env"], e.Options = "test", "env=test"
	}
	w := Write{At: at, Partition: d.plan.home(room), Key: strconv.FormatInt(room, 10)}
	if one(d.r, 40) {
		d.spoil(m, &e)
	}
	if one(d.r, 4) {
		w.Headers = append(w.Headers, kafka.Header{Key: "trace", Value: []byte(e.ID)})
	}
	if one(d.r, 20) {
		w.Headers, e.Replay = append(w.Headers, d.marks()...), true
	}
	if one(d.r, 10) {
		w.Old = within(d.r, 10*time.Second)
	}
	if d.plan.Setting.SmallLetters && one(d.r, 30) {
		d.bulk(m, &e)
	}
	w.Value, _ = json.Marshal(m)
	switch {
	case !e.Valid && one(d.r, 3):
		w.Value = w.Value[:len(w.Value)/2]
	case e.Valid && one(d.r, 80):
		w.Value, e.Valid, e.Null = nil, false, true
	case e.Valid && one(d.r, 60) && d.plan.Setting.MaxBytes < 1<<20: // larger than the whole buffer
		m["unknown"] = strings.Repeat("x", d.plan.Setting.MaxBytes)
		w.Value, _ = json.Marshal(m)
		e.Valid = false
	}
	w.Event = e
	return w
}

// bulk makes an event invalid and its letter larger than letters may be.
func (d *scribe) bulk(m map[string]any, e *Event) {
	text := make([]byte, 2*largeLetter)
	for i := range text {
		text[i] = byte('!' + 2 + d.r.IntN(57)) // it doesn't compress
	}
	m["unknown"] = string(text)
	delete(m, "msgId")
	e.Valid = false
}

// replayOf is the offset of the letter that every replay in a world claims to be.
const replayOf = 0

// marks are the headers of a letter that is replayed for the first time.
func (d *scribe) marks() (all []kafka.Header) {
	for _, h := range [][2]string{
		{"__dlq.errors.topic", world.Topic},
		{"__dlq.errors.group", world.Group},
		{"roomrelay.replays", "1"},
		{"roomrelay.first-partition", "63"},
		{"roomrelay.first-offset", strconv.Itoa(replayOf)},
	} {
		all = append(all, kafka.Header{Key: h[0], Value: []byte(h[1])})
	}
	return all
}

// spoil makes an event invalid.
func (d *scribe) spoil(m map[string]any, e *Event) {
	e.Valid = false
	switch d.r.IntN(4) {
	case 0:
		delete(m, "msgId")
	case 1:
		m["roomid"] = "no number"
	case 2:
		m["attach"] = strings.Repeat("x", 4097)
	case 3:
		m["msgType"] = 7
	}
}

// again is the producer's own repetition: at once by mistake with resendFlag 0, or later with 1.
func (d *scribe) again(w Write, at time.Duration) Write {
	w.At = at + within(d.r, 8*time.Second)
	if one(d.r, 3) {
		return w // the worker knows that it has sent it
	}
	var m map[string]any
	if json.Unmarshal(w.Value, &m) != nil {
		return w
	}
	m["resendFlag"], w.Event.Resend = 1, 1
	w.Value, _ = json.Marshal(m)
	return w
}

// drawLasting picks few messages that the API refuses for good, so that they can't be mistaken for a wrong
// set-up.
func (p *Plan) drawLasting(r *rand.Rand) {
	ids := func(n int) (all []string) {
		for range n {
			b := p.Bursts[r.IntN(len(p.Bursts))]
			all = append(all, b[r.IntN(len(b))].Event.ID)
		}
		return all
	}
	if fail := ids(r.IntN(5)); len(fail) > 0 {
		p.Lasting = append(p.Lasting, imsim.Rule{Do: imsim.DoRefuse, Messages: fail})
		p.refuse(fail)
	}
	if poison := ids(r.IntN(4)); len(poison) > 0 {
		codes := []int{414, 403, 404, 405, 413, 419, 13002, 13004}
		distinct := p.Setting.Ordering == batcher.BySender && p.Setting.MaxEvents > 300 && p.Setting.MaxBytes == 1<<20 && p.torrent == 0 && !p.flood && len(p.Rooms) >= 2*p.Setting.Partitions
		if !distinct {
			// With 414 a worker that sees no other room, and no other lane in it, waits for ever, and must: it
			// can't tell the message from a wrong set-up.
			codes = codes[1:]
		}
		x := imsim.Rule{Do: imsim.DoPoison, Messages: poison, Code: codes[r.IntN(len(codes))], Desc: "not this one"}
		if one(r, 3) && len(poison) == 1 && distinct {
			// It may echo what a user wrote. Who has another room, and sees it behind this one's backlog, can
			// tell it from a wrong set-up.
			x.Code, x.Desc = 414, "check checksum error"
			p.looksAlike = one(r, 2)
		}
		p.Lasting = append(p.Lasting, x)
		p.refuse(poison)
	}
}

func (p *Plan) refuse(ids []string) {
	for _, id := range ids {
		p.Refused[id] = true
	}
}
