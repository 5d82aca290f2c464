package relay

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"roomrelay/batcher"
	"roomrelay/deadletter"
	"roomrelay/sender"
)

// loop is the one goroutine that owns what the stages share. All its fields are its own.
type loop struct {
	*Relay
	batches    *batcher.Batcher
	sender     *sender.Sender
	partitions map[int32]*partition
	pending    map[*deadletter.Letter]*delivery // letters under way; nil for one that no batch waits for
	attempts   sync.WaitGroup
	hard       context.Context // ends attempts
	rarely     zerolog.Logger  // of what may repeat for every batch

	held, total int // the share of partitions that the sender knows of
}

func newLoop(r *Relay, b *batcher.Batcher, s *sender.Sender) *loop {
	return &loop{
		Relay: r, batches: b, sender: s, partitions: map[int32]*partition{}, pending: map[*deadletter.Letter]*delivery{},
		rarely: r.log.Sample(&zerolog.BurstSampler{Burst: 1, Period: 10 * time.Second}),
	}
}

func (l *loop) run(ctx context.Context) {
	l.hard = ctx
	timer := time.NewTimer(0)
	defer timer.Stop()
	var spare []item
	for {
		spare = l.inbox.swap(spare)
		for i := range spare {
			l.take(&spare[i])
		}
		if wake := l.dispatch(); !wake.IsZero() {
			timer.Reset(max(0, time.Until(wake)))
		}
		l.counts.publish(l.batches.Stats())
		select {
		case <-ctx.Done():
			return
		case <-l.inbox.ready:
		case <-timer.C:
		}
	}
}

func (l *loop) take(x *item) {
	switch {
	case x.notice != nil:
		l.noticed(x.notice)
	case x.arrived != nil:
		l.arrived(x.arrived)
	case x.landed != nil:
		l.landed(x.landed)
	case x.written != nil:
		l.written(x.written)
	}
}

// dispatch begins all that may begin now, and says when to look again without being told anything new:
// zero if there is no such time.
func (l *loop) dispatch() time.Time {
	now := time.Now()
	if held, total := l.consumer.Partitions(); held != l.held || total != l.total {
		l.held, l.total = held, total
		l.sender.SetShare(now, held, total)
	}
	for {
		gate := l.sender.Gate(now)
		l.tellHold(gate)
		var b *batcher.Batch
		switch gate.Mode {
		case sender.Open:
			b = l.batches.Next(now)
		case sender.Probing:
			if b = l.batches.Probe(now); b == nil {
				return l.later(now, l.batches.WakeProbe())
			}
		case sender.Shut:
			if gate.Cause != sender.Free {
				return gate.Until // also with nothing to send: readiness must not say what is over
			}
			return l.later(now, gate.Until)
		}
		if b == nil {
			return l.later(now, l.batches.Wake())
		}
		l.send(now, b)
	}
}

// later is when to look again: not while every slot is taken, since an attempt's end is told anyway, and
// not at all while nothing waits.
func (l *loop) later(now, at time.Time) time.Time {
	s := l.batches.Stats()
	if s.InFlight >= l.slots || s.Lanes == 0 {
		return time.Time{}
	}
	return at
}

// tellHold publishes what holds sending up, for readiness and metrics, and logs when that changes.
func (l *loop) tellHold(g sender.Gate) {
	was := l.hold.Load()
	switch {
	case g.Cause == sender.Free && was != nil:
		l.hold.Store(nil)
		l.log.Info().Msg("sending goes on")
	case g.Cause != sender.Free && (was == nil || was.Why != g.Why):
		l.hold.Store(&Hold{Cause: string(g.Cause), Why: g.Why})
		l.log.Warn().Str("cause", string(g.Cause)).Str("why", g.Why).Msg("sending is held up")
	}
}
