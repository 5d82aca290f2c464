package relay

import (
	"time"

	"roomrelay/batcher"
	"roomrelay/sender"
)

// delivery is one batch from its first attempt until each of its events has its outcome. It is the
// batch's Memo.
type delivery struct {
	batch   *batcher.Batch
	course  *sender.Course
	epoch   uint64
	letters int       // under way: the lane waits for them
	again   time.Time // when the events that are left may go, once the letters are written
}

// leaseRetry is how soon a batch is looked at again whose partition's lease has lapsed: heartbeats that
// bring it back come every few seconds, so a tenth of a second costs little and delays little.
const leaseRetry = 100 * time.Millisecond

// send begins the next attempt of a batch that the batcher has given its turn.
func (l *loop) send(now time.Time, b *batcher.Batch) {
	p := l.partitions[b.Partition]
	d, ok := b.Memo.(*delivery)
	if !ok {
		d = &delivery{batch: b, course: l.sender.NewCourse(b.Events), epoch: p.epoch}
		b.Memo = d
	}
	for _, e := range d.course.Events() {
		if !l.consumer.Begin(&e.Record) {
			l.unleased(b.Partition)
			l.batches.Retry(b, now.Add(leaseRetry))
			return
		}
	}
	step := l.sender.Next(now, d.course)
	l.write(p, d, step.Letters)
	if step.Call == nil {
		d.again = step.Again
		b.Events = d.course.Events()
		l.settled(d)
		return
	}
	p.underway++
	first := &step.Call.Events[0].Record // the others have its partition and epoch
	owned := func() bool { return l.consumer.Owned(first) }
	l.attempts.Go(func() {
		l.inbox.put(item{landed: &landing{delivery: d, call: step.Call, answer: l.sender.Attempt(l.hard, step.Call, owned)}})
	})
}

func (l *loop) unleased(partition int32) {
	l.rarely.Warn().Int32("partition", partition).Msg("not sent: the lease has run out, since no heartbeat was answered in time")
}

// landed takes in the answer of an attempt.
func (l *loop) landed(x *landing) {
	now := time.Now()
	d := x.delivery
	p := l.current(d.batch.Partition, d.epoch)
	if p == nil { // lost meanwhile: what the answer says of these events is the next owner's matter
		l.sender.Judge(now, nil, x.call, x.answer)
		l.batches.Ended(d.batch)
		return
	}
	p.underway--
	j := l.sender.Judge(now, d.course, x.call, x.answer)
	if j.Verdict == sender.Unsent {
		l.unleased(d.batch.Partition)
	}
	for _, e := range j.Absolved {
		l.consumer.Absolve(&e.Record)
	}
	for _, e := range j.Delivered {
		l.consumer.Settle(&e.Record)
		l.meter.Delivered(now.Sub(e.Arrived))
	}
	l.counts.landed(len(x.call.Events), len(j.Delivered))
	l.meter.Attempted(x.answer.Ended.Sub(x.answer.Began), len(x.call.Events), string(j.Verdict))
	switch j.Room {
	case sender.Healthy:
		l.batches.Healthy(d.batch.Room)
	case sender.Trouble:
		l.batches.Trouble(d.batch.Room, j.RoomUntil)
	}
	l.write(p, d, j.Letters)
	d.again = j.Again
	d.batch.Events = d.course.Events()
	l.settled(d)
	l.drained(d.batch.Partition, p)
}

// settled moves a batch on when no letter of it is under way.
func (l *loop) settled(d *delivery) {
	switch {
	case d.letters > 0:
		l.batches.Ended(d.batch)
	case len(d.batch.Events) > 0:
		l.batches.Retry(d.batch, d.again)
	default:
		l.batches.Done(d.batch, time.Now())
	}
}
