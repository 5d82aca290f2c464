//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// ledger watches a group's commits: none may ever name a lower offset than one before.
type ledger struct {
	end   context.CancelFunc
	ended sync.WaitGroup

	mu    sync.Mutex // of the fields below
	looks int
	found []string
}

// watchCommits looks at the commits of the stand's group until the test ends.
func watchCommits(t testing.TB, s *stand) *ledger {
	ctx, end := context.WithCancel(context.Background())
	l := &ledger{end: end}
	last := ends{}
	l.ended.Go(func() {
		for waitFor(ctx, 50*time.Millisecond) {
			have, err := s.cluster.committed(ctx, s.group, s.topic)
			if err != nil {
				continue // a broker is away: the next look sees what happened meanwhile
			}
			l.mu.Lock()
			l.looks++
			for p, o := range have {
				if o < last[p] {
					l.found = append(l.found, fmt.Sprintf("partition %d was committed up to %d, and then up to %d", p, last[p], o))
				}
				last[p] = o
			}
			l.mu.Unlock()
		}
	})
	t.Cleanup(func() { end(); l.ended.Wait() })
	return l
}

// close ends the watch and fails the test if a commit went back.
func (l *ledger) close(t testing.TB) {
	t.Helper()
	l.end()
	l.ended.Wait()
	if l.looks == 0 {
		t.Error("nobody saw the commits")
	}
	for _, f := range l.found {
		t.Errorf("a commit went back: %s", f)
	}
}
