package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// crew is the workers of the group as they come and go.
type crew struct {
	stage *stage
	size  int

	mu      sync.Mutex // guards the fields below
	members []*worker
	hired   int
	news    string // the last thing that happened
}

// How often the crew changes: shorter than a killed worker's session, so that some changes come upon a
// group that has not yet settled, and longer than most rebalances, so that the group gets work done.
const (
	joinEvery   = 1500 * time.Millisecond
	changeEvery = 4 * time.Second
	// quiet is the share of work done from which on nobody comes or goes: the last workers should
	// have seen an ordinary day, as those of a real topic have.
	quiet = 0.7
)

// hire adds a worker.
func (c *crew) hire() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := fmt.Sprintf("worker-%d", c.hired+1)
	w, err := c.stage.newWorker(name)
	if err != nil {
		return err
	}
	c.hired++
	c.members = append(c.members, w)
	c.news = name + " joins"
	return nil
}

// run lets the crew come, and, if it is more than one, go: by turns a worker is killed or stopped, and
// another one comes a little later.
func (c *crew) run(ctx context.Context) error {
	for n := range c.size {
		if n > 0 && !sleep(ctx, joinEvery) {
			return nil
		}
		if err := c.hire(); err != nil {
			return err
		}
	}
	for turn := 0; c.size > 1; turn++ {
		if !sleep(ctx, changeEvery) || c.stage.doneShare() > quiet {
			return nil
		}
		c.lose(turn)
		if !sleep(ctx, joinEvery) {
			return nil
		}
		if err := c.hire(); err != nil {
			return err
		}
	}
	return nil
}

// lose kills or stops the worker that has been there longest. A stop whose drain is cut short by its
// time-out leaves doubt to the next owner, as a kill does: the audit tells whether that went well.
func (c *crew) lose(turn int) {
	c.mu.Lock()
	w := c.members[0]
	c.members = c.members[1:]
	hard := turn%2 == 0
	if hard {
		c.news = w.name + " is killed"
	} else {
		c.news = w.name + " is stopped"
	}
	c.mu.Unlock()
	if hard {
		w.kill()
	} else if err := w.drain(); err != nil {
		c.stage.log.Warn().Err(err).Str("worker", w.name).Msg("worker stopped late")
	}
}

// present are the workers that weren't sent away.
func (c *crew) present() (members []*worker, news string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.members), c.news
}

// failed is the error of a worker that ended though nobody asked it to.
func (c *crew) failed() error {
	members, _ := c.present()
	for _, w := range members {
		if !w.running() {
			return fmt.Errorf("%s ended: %w", w.name, errors.Join(w.err, errUnasked))
		}
	}
	return nil
}

var errUnasked = errors.New("nobody asked it to")

// dismiss stops all who are left.
func (c *crew) dismiss() error {
	members, _ := c.present()
	failed := make([]error, len(members))
	var ends sync.WaitGroup
	for i, w := range members {
		ends.Go(func() {
			if err := w.drain(); err != nil {
				failed[i] = fmt.Errorf("stopping %s: %w", w.name, err)
			}
		})
	}
	ends.Wait()
	return errors.Join(failed...)
}
