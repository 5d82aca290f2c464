package consumer

import (
	"context"
	"sync"
)

// recordOverhead is what a record costs beyond its key, value and headers: the Record and the decoded
// event around it are about 400 bytes, and the lists of batcher and tracker take the rest. Without it
// millions of tiny records would fit into the bound by bytes and not into memory.
const recordOverhead = 512

// budget bounds what is handed out and not settled, by count and by bytes, over all partitions. A
// partition may hold at most half of what the others leave free: however slow one is, there is always
// room for the next.
type budget struct {
	limit amount

	mu      sync.Mutex // of all below, and of every share's held
	held    amount
	waiting []*waiter // the longest waiting first
}

type amount struct {
	events, bytes int
}

func (a amount) plus(b amount) amount  { return amount{a.events + b.events, a.bytes + b.bytes} }
func (a amount) minus(b amount) amount { return amount{a.events - b.events, a.bytes - b.bytes} }

// share is what one assignment of one partition holds.
type share struct {
	held amount
	over bool // nothing is admitted any more
}

type waiter struct {
	share    *share
	size     amount
	admitted chan struct{} // closed when size has been added to the share
}

func newBudget(events, bytes int) *budget { return &budget{limit: amount{events, bytes}} }

// fits is the rule. One record is always admitted for a partition that holds nothing, or a record larger
// than the half could never pass.
func (b *budget) fits(s *share, size amount) bool {
	if s.held.events == 0 {
		return true
	}
	free := b.limit.minus(b.held.minus(s.held)) // what the others leave
	return (s.held.events+size.events)*2 <= free.events && (s.held.bytes+size.bytes)*2 <= free.bytes
}

// try admits one record of bytes if there is room now.
func (b *budget) try(s *share, bytes int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.admit(s, amount{1, bytes})
}

func (b *budget) admit(s *share, size amount) bool {
	if s.over || !b.fits(s, size) {
		return false
	}
	s.held = s.held.plus(size)
	b.held = b.held.plus(size)
	return true
}

// wait admits one record of bytes as soon as there is room for it, or returns the end of ctx.
func (b *budget) wait(ctx context.Context, s *share, bytes int) error {
	b.mu.Lock()
	w := &waiter{share: s, size: amount{1, bytes}, admitted: make(chan struct{})}
	if b.admit(s, w.size) {
		b.mu.Unlock()
		return nil
	}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()
	select {
	case <-w.admitted:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, x := range b.waiting {
		if x == w {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			return context.Cause(ctx)
		}
	}
	return nil // admitted while ctx ended: what holds it will give it back
}

// free gives back one record of bytes.
func (b *budget) free(s *share, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.over {
		return
	}
	s.held = s.held.minus(amount{1, bytes})
	b.held = b.held.minus(amount{1, bytes})
	b.wake()
}

// end gives back all that s holds; nothing is admitted for it any more.
func (b *budget) end(s *share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = b.held.minus(s.held)
	s.held, s.over = amount{}, true
	b.wake()
}

// wake admits who fits, the longest waiting first. One that doesn't fit doesn't hold up those behind it:
// its partition holds something, and is admitted at the latest when that is settled.
func (b *budget) wake() {
	rest := b.waiting[:0]
	for _, w := range b.waiting {
		if b.admit(w.share, w.size) {
			close(w.admitted)
		} else {
			rest = append(rest, w)
		}
	}
	clear(b.waiting[len(rest):])
	b.waiting = rest
}

func (b *budget) total() amount {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

func (b *budget) of(s *share) amount {
	b.mu.Lock()
	defer b.mu.Unlock()
	return s.held
}
