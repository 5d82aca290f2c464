package group

import (
	"context"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"
)

// repeatAfter is when a heartbeat that failed is followed by another one. The lease may have run out by then: where a
// coordinator was away for long, sending waits for the first one that is answered.
const repeatAfter = 500 * time.Millisecond

// beat sends heartbeats for as long as there is a membership: during joins and while partitions are given
// up, too. Each has a goroutine of its own, since one may stall for seconds behind an unreplicated commit
// and the member is only kept if new ones keep coming.
func (m *Member) beat(ctx context.Context) {
	// A tenth of the session leaves room for several losses within the lease; 3 s is Kafka's own default,
	// which bounds how long a rebalance waits for this member.
	every := min(m.cfg.SessionTimeout/10, 3*time.Second)
	due := time.Now().Add(every)
	next := time.NewTimer(every)
	defer next.Stop()
	failed := make(chan struct{}, 1)
	var sent sync.WaitGroup
	defer sent.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-failed:
			if again := time.Now().Add(repeatAfter); again.Before(due) { // the failure of one that stalled must not put its successor off
				due = again
			}
		case <-next.C:
			due = time.Now().Add(every)
			if i, ok := m.identity(); ok {
				sent.Go(func() {
					if !m.heartbeat(ctx, i) {
						select {
						case failed <- struct{}{}:
						default: // another one has said so
						}
					}
				})
			}
		}
		next.Reset(time.Until(due))
	}
}

// heartbeat sends one; false: it says nothing of the membership.
func (m *Member) heartbeat(ctx context.Context, i identity) bool {
	sent := m.lease.now()
	res, err := roundTrip[*heartbeatResponse](ctx, m, m.patience(), &heartbeatRequest{
		GroupID:         m.cfg.Group,
		GenerationID:    i.generation,
		MemberID:        i.id,
		GroupInstanceID: m.cfg.InstanceID,
	})
	if err != nil {
		if ctx.Err() == nil {
			m.rarely.Warn().Err(err).Msg("heartbeat not answered")
		}
		return false
	}
	return m.heard(i, sent, kafka.Error(res.ErrorCode))
}

// heard judges the answer to a heartbeat that was signed with i; false: it says nothing of the membership.
func (m *Member) heard(i identity, sent *moment, code kafka.Error) bool {
	switch code {
	case 0, kafka.RebalanceInProgress:
		m.mu.Lock() // held until the end: dropped must not come between the check and the renewal
		defer m.mu.Unlock()
		if i.id != m.id {
			return true // of a membership that is over
		}
		// While it joins, a good answer doesn't say that the rebalance is over: a member that the group is
		// waiting for is dropped when the rebalance time-out ends, however well its heartbeats are answered.
		m.lease.renew(sent, code == 0 && !i.joining)
		// Of an earlier round it is old news: that rebalance is the one that was joined.
		if code != 0 && m.current(i) && !m.stopping {
			m.Rejoin("the group rebalances")
		}
	case kafka.UnknownMemberId, kafka.IllegalGeneration, kafka.FencedInstanceID:
		m.dropped(i, code)
	default:
		// The coordinator moves, loads, or isn't there.
		m.rarely.Warn().Err(code).Msg("heartbeat answered with an error")
		return false
	}
	return true
}
