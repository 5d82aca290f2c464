package replay

import (
	"context"
	"errors"

	"roomrelay/consumer"
	"roomrelay/deadletter"
	"roomrelay/internal/cluster"
)

// groupProgress is how far a group has come with a topic.
type groupProgress struct {
	gone    bool // the topic is: nothing of it is on any way any more
	commits map[int32]consumer.Progress
	ends    map[int32]int64
}

// Progress reads how far groups have come from their commits, for a Desk.
func Progress(c *cluster.Client) func(context.Context, string, string) (deadletter.Progress, error) {
	return func(ctx context.Context, group, topic string) (deadletter.Progress, error) {
		return readProgress(ctx, c, group, topic)
	}
}

func readProgress(ctx context.Context, c *cluster.Client, group, topic string) (*groupProgress, error) {
	partitions, err := c.Partitions(ctx, topic)
	if errors.Is(err, cluster.ErrMissing) {
		return &groupProgress{gone: true}, nil
	}
	if err != nil {
		return nil, err
	}
	commits, err := c.Commits(ctx, group, topic, partitions)
	if err != nil {
		return nil, err
	}
	ranges, err := c.Ranges(ctx, topic, partitions)
	if err != nil {
		return nil, err
	}
	g := &groupProgress{commits: map[int32]consumer.Progress{}, ends: map[int32]int64{}}
	for n, x := range commits {
		g.commits[n] = consumer.ReadProgress(x.Offset, x.Metadata)
	}
	for _, r := range ranges {
		g.ends[r.Partition] = r.End
	}
	return g, nil
}

// Settled implements deadletter.Progress.
func (g *groupProgress) Settled(at deadletter.Place) bool {
	x, ok := g.commits[at.Partition]
	return g.gone || ok && x.Settled(at.Offset)
}

// InHand implements deadletter.Progress. Without a commit nobody can tell: the group may have settled it long
// ago, or never have seen it.
func (g *groupProgress) InHand(at deadletter.Place) bool {
	x, ok := g.commits[at.Partition]
	return ok && !x.Settled(at.Offset) && at.Offset < g.ends[at.Partition]
}

// Lag implements deadletter.Progress.
func (g *groupProgress) Lag() (n int64) {
	for p, x := range g.commits {
		n += max(0, g.ends[p]-x.Offset)
	}
	return n
}
