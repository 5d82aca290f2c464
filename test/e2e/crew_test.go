//go:build e2e

package e2e

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crew is the workers of a stand as they come and go: each has a place, and a name that goes with it.
type crew struct {
	stand  *stand
	static bool
	rng    *rand.Rand
	at     []*worker

	kills, inFlight int // how often somebody was killed, and how often with calls on their way

	diary []string // what befell workers, and when
}

// befell notes what befalls a worker just now.
func (c *crew) befell(what string, w *worker) {
	const most = 500 // of a soak of hours only the last minutes matter
	if len(c.diary) == most {
		c.diary = c.diary[1:]
	}
	c.diary = append(c.diary, time.Now().Format(clock)+" "+w.name+" "+what)
}

// newCrew starts n workers and waits until they are ready.
func newCrew(t testing.TB, s *stand, n int, static bool) *crew {
	t.Helper()
	c := &crew{stand: s, static: static, rng: rand.New(rand.NewPCG(s.sim.seed, 1)), at: make([]*worker, n)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what befell workers:\n%s", strings.Join(c.diary, "\n"))
		}
	})
	for i := range c.at {
		c.hire(t, i)
	}
	c.ready(t)
	return c
}

// hire lets a worker begin at a place.
func (c *crew) hire(t testing.TB, i int) {
	t.Helper()
	c.at[i] = c.stand.hire(t, "w"+strconv.Itoa(i), identityOf(i, c.static))
	c.befell("begins", c.at[i])
}

// ready waits until all are.
func (c *crew) ready(t testing.TB) {
	t.Helper()
	for _, w := range c.at {
		w.ready(t, time.Minute)
	}
}

// pick chooses a place.
func (c *crew) pick() int { return c.rng.IntN(len(c.at)) }

// moment is a random time up to most.
func (c *crew) moment(most time.Duration) time.Duration {
	return time.Duration(c.rng.Int64N(int64(most)))
}

// busy waits until the worker has calls on their way; false: it had none within the limit.
func (c *crew) busy(t testing.TB, i int, limit time.Duration) bool {
	t.Helper()
	end := time.Now().Add(limit)
	for c.at[i].metric("calls_in_flight") < 1 {
		if time.Now().After(end) {
			return false
		}
		wait(t, 5*time.Millisecond)
	}
	return true
}

// kill ends the worker at a place as kill -9 does, at a random moment while calls of it are on their way.
func (c *crew) kill(t testing.TB, i int) {
	t.Helper()
	// A worker that has just come may be waiting for a dead one's session: then it is killed as it is.
	if c.busy(t, i, longer()+4*time.Second) {
		c.inFlight++
	}
	wait(t, c.moment(25*time.Millisecond))
	c.befell("is killed", c.at[i])
	c.at[i].kill()
	c.kills++
}

// stop ends the worker at a place with SIGTERM, which must end well.
func (c *crew) stop(t testing.TB, i int) {
	t.Helper()
	w := c.at[i]
	poll(t, 30*time.Second, w.name+" has begun", func() (bool, string) {
		_, begun := w.logged("worker starts", time.Time{}) // before, a signal ends it as it ends any program
		return begun || !w.running(), w.lastWords()
	})
	c.befell("is stopped", w)
	if code := w.terminate(t, stopLimit); code != 0 {
		t.Errorf("%s ended with code %d after SIGTERM; its last words:\n%s", w.name, code, w.lastWords())
	}
}

// stopLimit is how long a stop may take: quick's drain-timeout, and what a busy machine adds.
const stopLimit = 9 * time.Second

// stopAll ends everybody with SIGTERM.
func (c *crew) stopAll(t testing.TB) {
	t.Helper()
	for i := range c.at {
		c.stop(t, i)
	}
}
