package deadletter

import (
	"context"
	"fmt"
	"sync"
)

// Settled says whether a group has settled what stands at a place of a topic.
type Settled interface {
	Settled(group, topic string, at Place) bool
}

// subject is a group and a topic that it reads.
type subject struct{ group, topic string }

// settlements are what groups have settled, as far as it was learnt.
type settlements struct {
	desk  *Desk
	mu    sync.RWMutex // guards known
	known map[subject]Progress
}

// learn asks what a group has settled.
func (s *settlements) learn(ctx context.Context, x subject) error {
	progress, err := s.desk.Progress(ctx, x.group, x.topic)
	if err != nil {
		return fmt.Errorf("what is on its way can't be told from what is done: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[x] = progress
	return nil
}

func (s *settlements) knows(x subject) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[x] != nil
}

// Settled says what is known; what isn't known counts as not settled.
func (s *settlements) Settled(group, topic string, at Place) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := s.known[subject{group, topic}]
	return p != nil && p.Settled(at)
}
