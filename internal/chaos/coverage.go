package chaos

import (
	"fmt"
	"sync"

	"roomrelay/internal/world"
)

// coverage counts what a world has seen, to show that worlds are not tame. Unlike the judge it may look
// inside: at what workers say of themselves.
type coverage struct {
	mu    sync.Mutex // guards times
	times map[string]int
}

func newCoverage() *coverage { return &coverage{times: map[string]int{}} }

func (c *coverage) seen(group, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times[group+": "+name]++
}

func (c *coverage) deed(d Do) { c.seen("deed", string(d)) }

// states notes in which states workers are at this moment: what happens, meets them.
func (r *Run) states(when string) {
	for _, s := range r.seats {
		r.statesOf(s.worker, when)
	}
}

func (r *Run) statesOf(x *world.Worker, when string) {
	if x.Relay == nil {
		return // it is just being made
	}
	if _, ended := x.Ended(); ended {
		return
	}
	s := x.Relay.Stats()
	say := func(is bool, state string) {
		if is {
			r.cover.seen("state", fmt.Sprintf("%s, %s", state, when))
		}
	}
	say(s.Hold.Cause != "", "sending held up by "+s.Hold.Cause)
	say(s.Batcher.Troubled > 0, "a room in trouble")
	say(s.Letterbox.Waiting > 0, "letters waiting")
	say(s.Batcher.InFlight >= r.plan.Setting.Slots, "every slot taken")
	say(s.Consumer.Events*2 >= r.plan.Setting.MaxEvents, "half of the buffer taken")
	say(s.Consumer.Overflows > 0, "a commit without room for all that is settled")
	say(r.judge.splitting(x.Name), "a refused batch going one by one")
	doubt := false
	for _, p := range s.Consumer.Partitions {
		doubt = doubt || p.InDoubt > 0
	}
	say(doubt, "events in doubt")
}
