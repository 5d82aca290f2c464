//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"maps"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ends are offsets by partition.
type ends map[int32]int64

// endsOf is where the logs of a topic end.
func (c *cluster) endsOf(ctx context.Context, topic string) (ends, error) {
	list, err := c.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = list.Error()
	}
	return offsetsOf(list, topic), err
}

// startsOf is where they begin.
func (c *cluster) startsOf(ctx context.Context, topic string) (ends, error) {
	list, err := c.admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = list.Error()
	}
	return offsetsOf(list, topic), err
}

func offsetsOf(list kadm.ListedOffsets, topic string) ends {
	e := ends{}
	for p, o := range list[topic] {
		e[p] = o.Offset
	}
	return e
}

// committed are a group's commits.
func (c *cluster) committed(ctx context.Context, group, topic string) (ends, error) {
	// Read as the worker reads them: a plain read may miss what a coordinator's predecessor acknowledged.
	got, err := c.admin.FetchOffsets(kadm.RequireStable(ctx), group)
	if err == nil {
		err = got.Error()
	}
	e := ends{}
	for p, o := range got[topic] {
		e[p] = o.At
	}
	return e, err
}

// read reads a topic from some offsets up to others; what transactions aborted is left out, and what
// was deleted from the beginning.
func (c *cluster) read(ctx context.Context, topic string, from, to ends) ([]*kgo.Record, error) {
	return c.readAs(ctx, kgo.ReadCommitted(), topic, from, to)
}

// readAs does so at a level of isolation.
func (c *cluster) readAs(ctx context.Context, level kgo.IsolationLevel, topic string, from, to ends) (records []*kgo.Record, err error) {
	starts, err := c.startsOf(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("reading topic %s: %w", topic, err)
	}
	parts := map[int32]kgo.Offset{}
	left := maps.Clone(to)
	for p, end := range to {
		first := max(from[p], starts[p])
		if first >= end {
			delete(left, p)
			continue
		}
		parts[p] = kgo.NewOffset().At(first)
	}
	if len(left) == 0 {
		return nil, nil
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(c.addrs...), kgo.AlwaysRetryEOF(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: parts}),
		kgo.FetchIsolationLevel(level),
		// Markers of transactions are records here: one may be the last before an end.
		kgo.KeepControlRecords(),
	)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	defer cl.Close()
	for len(left) > 0 {
		got := cl.PollFetches(ctx)
		if err := got.Err0(); err != nil {
			return nil, fmt.Errorf("reading topic %s: partitions %v are left: %w", topic, left, err)
		}
		for r := range got.RecordsAll() {
			end, ok := left[r.Partition]
			if !ok || r.Offset >= end {
				continue
			}
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
			if r.Offset+1 == end {
				delete(left, r.Partition)
			}
		}
	}
	return records, nil
}

// header is the value of a record's header; "": there is none.
func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}
