package relay

import (
	"time"

	"roomrelay/deadletter"
	"roomrelay/event"
	"roomrelay/sender"
)

// write hands letters to the writer; the batch goes on when they are acknowledged.
func (l *loop) write(p *partition, d *delivery, letters []sender.Letter) {
	for i := range letters {
		x := &letters[i]
		d.letters++
		l.put(p, d, &deadletter.Letter{
			Record: x.Event.Record, Room: x.Event.Room, MsgID: x.Event.MsgID,
			Reason: x.Reason, Outcome: x.Outcome, Code: x.Code, HTTPStatus: x.HTTPStatus,
			Attempts: x.Attempts, Message: x.Message, FailedAt: time.Now(), FirstFailedAt: x.FirstFailedAt,
		})
	}
}

// writeInvalid hands over the letter of an event that can't be sent as it is. No lane waits for it.
func (l *loop) writeInvalid(p *partition, e *event.Event, why error) {
	now := time.Now()
	l.put(p, nil, &deadletter.Letter{
		Record: e.Record, Room: e.Room, MsgID: e.MsgID, Reason: deadletter.ReasonInvalid,
		Outcome: deadletter.OutcomeNeverSent, Message: why.Error(), FailedAt: now, FirstFailedAt: now, Invalid: true,
	})
}

func (l *loop) put(p *partition, d *delivery, x *deadletter.Letter) {
	p.underway++
	l.pending[x] = d
	l.writer.Put(x)
}

// written settles events whose letters are acknowledged.
func (l *loop) written(letters []*deadletter.Letter) {
	for _, x := range letters {
		d, ok := l.pending[x]
		if !ok {
			continue // its assignment is over
		}
		delete(l.pending, x)
		p := l.current(x.Record.Partition, x.Record.Epoch)
		l.consumer.Settle(&x.Record)
		l.counts.letter()
		l.meter.Lettered(x.Reason)
		p.underway--
		if d != nil {
			d.letters--
			l.settled(d)
		}
		l.drained(x.Record.Partition, p)
	}
}

// forgetLetters drops what waits for letters of an assignment that is over.
func (l *loop) forgetLetters(partition int32, epoch uint64) {
	for x := range l.pending {
		if x.Record.Partition == partition && x.Record.Epoch == epoch {
			delete(l.pending, x)
		}
	}
}
