package group

import (
	"sync"
	"sync/atomic"
	"time"
)

// lease answers whether the member may still act for its partitions. Reading it takes no lock: it is
// asked before every attempt.
type lease struct {
	length  time.Duration // since the last heartbeat answered well was sent
	rebound time.Duration // since the last one answered without a rebalance was sent
	wall    func() time.Time

	mu   sync.Mutex             // of writers
	well atomic.Pointer[moment] // nil: not a member
	calm atomic.Pointer[moment]
}

// moment is an instant on two clocks. The monotonic one stands still while a machine is suspended; the
// wall clock may be set back. What has passed is the larger of the two differences: the session goes on
// at the broker in either case.
type moment struct {
	mono time.Time
	wall time.Time
}

func newLease(cfg *Config) *lease {
	return &lease{
		length: cfg.Lease,
		// A member that hasn't joined within the rebalance time-out is dropped at once, however well its
		// heartbeats are answered. An attempt that begins now may last for the request time-out.
		rebound: cfg.RebalanceTimeout - cfg.RequestTimeout,
		wall:    cfg.Wall,
	}
}

// now must be taken before the request is sent: the coordinator's clock may have started that early.
func (l *lease) now() *moment { return &moment{mono: time.Now(), wall: l.wall().Round(0)} }

func (m *moment) age(now *moment) time.Duration {
	return max(now.mono.Sub(m.mono), now.wall.Sub(m.wall))
}

// renew notes that what was sent at m was answered well; calm: without a rebalance. Answers may come out
// of order, so an older moment never replaces a newer one.
func (l *lease) renew(m *moment, calm bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	later := func(p *atomic.Pointer[moment]) {
		if old := p.Load(); old == nil || m.mono.After(old.mono) {
			p.Store(m)
		}
	}
	later(&l.well)
	if calm {
		later(&l.calm)
	}
}

// end makes the lease invalid until it is renewed.
func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.well.Store(nil)
	l.calm.Store(nil)
}

// silent says that there is a membership, and nothing sent within d was answered well.
func (l *lease) silent(d time.Duration) bool {
	well := l.well.Load()
	return well != nil && well.age(l.now()) >= d
}

func (l *lease) valid() bool {
	well, calm := l.well.Load(), l.calm.Load()
	if well == nil || calm == nil {
		return false
	}
	now := l.now()
	return well.age(now) < l.length && calm.age(now) < l.rebound
}
