package relay

import (
	"roomrelay/consumer"
	"roomrelay/deadletter"
	"roomrelay/event"
)

// partition is one assignment, as the loop knows it.
type partition struct {
	epoch    uint64
	revoking bool
	underway int // attempts and letters without an end
}

// notify is called by the consumer, on the partition's own goroutine: decoding there keeps it off the
// loop, and so on every core.
func (r *Relay) notify(n consumer.Notice) {
	if n.Kind != consumer.Records {
		r.inbox.put(item{notice: &n})
		return
	}
	a := &arrival{partition: n.Partition, epoch: n.Epoch, events: make([]*event.Event, len(n.Records))}
	for i := range n.Records {
		if deadletter.ForAnother(&n.Records[i], r.topic, r.group) {
			a.strangers = append(a.strangers, i)
		}
		e, err := event.Decode(n.Records[i])
		a.events[i] = e
		if err != nil {
			if a.invalid == nil {
				a.invalid = make([]error, len(n.Records))
			}
			a.invalid[i] = err
		}
	}
	r.inbox.put(item{arrived: a})
}

func (l *loop) noticed(n *consumer.Notice) {
	switch n.Kind {
	case consumer.Assigned:
		l.partitions[n.Partition] = &partition{epoch: n.Epoch}
	case consumer.Revoking:
		// What waits in lanes stays in Kafka; what is on its way ends.
		if p := l.current(n.Partition, n.Epoch); p != nil {
			p.revoking = true
			l.batches.Drop(n.Partition)
			l.drained(n.Partition, p)
		}
	case consumer.Lost:
		if p := l.current(n.Partition, n.Epoch); p != nil {
			delete(l.partitions, n.Partition)
			l.batches.Drop(n.Partition)
			l.writer.Forget(n.Partition, n.Epoch)
			l.forgetLetters(n.Partition, n.Epoch)
		}
	}
}

// current is the partition's assignment if it still is that of the epoch.
func (l *loop) current(number int32, epoch uint64) *partition {
	if p := l.partitions[number]; p != nil && p.epoch == epoch {
		return p
	}
	return nil
}

// drained tells the consumer when nothing of a revoked partition is on its way any more.
func (l *loop) drained(number int32, p *partition) {
	if p.revoking && p.underway == 0 {
		delete(l.partitions, number)
		l.consumer.Drained(number, p.epoch)
	}
}

func (l *loop) arrived(a *arrival) {
	p := l.current(a.partition, a.epoch)
	if p == nil || p.revoking {
		return
	}
	strangers := a.strangers
	for i, e := range a.events {
		if len(strangers) > 0 && strangers[0] == i {
			strangers = strangers[1:]
			l.consumer.Settle(&e.Record)
			continue
		}
		if a.invalid != nil && a.invalid[i] != nil {
			l.writeInvalid(p, e, a.invalid[i])
			continue
		}
		l.batches.Add(e)
	}
	l.counts.arrived.Add(int64(len(a.events)))
	l.counts.strangers.Add(int64(len(a.strangers)))
}
