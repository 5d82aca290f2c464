package chaos

import (
	"sync"
	"time"
)

// clock is the wall clock of a worker, which may be wrong.
type clock struct {
	mu    sync.Mutex // guards the fields below
	wrong time.Duration
	since time.Time // when it was last set; zero: never
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.wrong)
}

func (c *clock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong += d
	c.since = time.Now()
}

func (c *clock) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wrong != 0 {
		c.wrong, c.since = 0, time.Now()
	}
}

// age is how long ago by this clock it showed then, unless it was set after since: what was decided before that
// can't be told from what was decided after.
func (c *clock) age(then, at, since time.Time) (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return at.Add(c.wrong).Sub(then), !c.since.After(since)
}

// shows is what it shows now for a moment of the world.
func (c *clock) shows(at time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return at.Add(c.wrong)
}
