package consumer

import (
	"maps"
	"slices"

	"roomrelay/internal/fetch"
)

// claims is the Consumer as the group's member sees it.
type claims struct{ c *Consumer }

// Owned is what a JoinGroup names. The leader may give what it doesn't name to others at once, so nothing else is
// taken before the next assignment: a claim that has ended, and whose last commit is still under way, had come
// back with the assignment of before, and would begin anew in the middle of the rebalance.
func (x claims) Owned() []int32 {
	c := x.c
	c.mu.Lock()
	defer c.mu.Unlock()
	var owned []int32
	for p, cl := range *c.live.Load() {
		if cl.alive() {
			owned = append(owned, p)
		}
	}
	slices.Sort(owned)
	c.assigned = slices.DeleteFunc(slices.Clone(c.assigned), func(p int32) bool { return !slices.Contains(owned, p) })
	return owned
}

// Assign begins what is new and gives up what is no longer assigned. A partition that comes back while it
// is given up is taken anew after that: its drain can't be called back.
func (x claims) Assign(partitions []int32) {
	c := x.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining || c.run.Err() != nil {
		return
	}
	c.counts.rebalances.Add(1)
	c.assigned = partitions
	live := *c.live.Load()
	for p, cl := range live {
		if !slices.Contains(partitions, p) {
			cl.revoke()
		}
	}
	for _, p := range partitions {
		if live[p] == nil {
			c.start(p)
		}
	}
}

func (x claims) Lost(err error) {
	c := x.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.assigned = nil
	live := *c.live.Load()
	if len(live) > 0 && c.run.Err() == nil {
		c.counts.lost.Add(int64(len(live)))
		c.cfg.Log.Error().Err(err).Int("partitions", len(live)).Msg("partitions lost")
	}
	for _, cl := range live {
		cl.lose()
	}
}

// Remade ends the claims of the former topic. Those that are still assigned are taken anew as they end.
func (x claims) Remade(id fetch.TopicID) {
	c := x.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remade = true
	handedOver := false
	for p, cl := range *c.live.Load() {
		if cl.topic != id {
			handedOver = handedOver || !slices.Contains(c.assigned, p)
			cl.lose()
		}
	}
	if handedOver && !c.draining {
		c.member.Rejoin("gave up partitions") // nothing of them is left to be given up in order
	}
}

// start begins a claim. c.mu is held.
func (c *Consumer) start(partition int32) {
	c.epoch++
	cl := newClaim(c, partition, c.epoch)
	live := maps.Clone(*c.live.Load())
	live[partition] = cl
	c.live.Store(&live)
	c.claims.Go(cl.run)
}

// over takes away a claim that has ended, after the last request that names it.
func (c *Consumer) over(cl *claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	live := maps.Clone(*c.live.Load())
	delete(live, cl.partition)
	c.live.Store(&live)
	switch {
	case c.draining || c.run.Err() != nil:
		c.settleEmpty()
	case slices.Contains(c.assigned, cl.partition):
		c.start(cl.partition) // it came back meanwhile, or is to be taken anew
	case cl.gaveUp && !c.givingUp():
		// One rebalance for all that were revoked together.
		c.member.Rejoin("gave up partitions")
	}
}

// givingUp says that a partition which isn't assigned any more is still claimed. c.mu is held.
func (c *Consumer) givingUp() bool {
	for p := range *c.live.Load() {
		if !slices.Contains(c.assigned, p) {
			return true
		}
	}
	return false
}
