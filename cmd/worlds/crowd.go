package main

import (
	"context"
	"iter"
	"sync"
)

// crowd plays orders on several processes at once. each is called by several goroutines; it says whether
// more of the order at hand is wanted. The first error ends everything and is returned.
func (p *player) crowd(ctx context.Context, procs int, orders iter.Seq[order], each func(report) bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	var once sync.Once
	var players sync.WaitGroup
	feed := make(chan order)
	for range procs {
		players.Go(func() {
			for o := range feed {
				for r, err := range p.play(ctx, o) {
					if err != nil {
						once.Do(func() { failed = err; stop() })
					}
					if err != nil || !each(r) {
						break
					}
				}
			}
		})
	}
	for o := range orders {
		select {
		case feed <- o:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(feed)
	players.Wait()
	return failed
}

// chunks cuts a row of seeds into orders. A new process for each bounds what a process has in memory.
func chunks(from uint64, seeds, size int) iter.Seq[order] {
	return func(yield func(order) bool) {
		for done := 0; done < seeds; done += size {
			if !yield(order{seed: from + uint64(done), worlds: min(size, seeds-done), times: 1}) {
				return
			}
		}
	}
}

// chunkSize leaves each process several chunks, so that none has nothing to do for long at the end.
func chunkSize(seeds, procs int) int { return min(max(seeds/(4*procs), 1), 50) }
