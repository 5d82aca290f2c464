package deadletter

import (
	"context"
	"fmt"

	"roomrelay/internal/cluster"
	"roomrelay/internal/fetch"
)

// Tail follows the topic from where a Ledger ended. It isn't safe for concurrent use.
type Tail struct {
	desk *Desk
	next []cluster.Range
}

// Follow begins behind what the ledger has read.
func (d *Desk) Follow(l *Ledger) *Tail {
	t := &Tail{desk: d}
	for _, r := range l.Ranges {
		t.next = append(t.next, cluster.Range{Partition: r.Partition, First: r.End, End: r.End})
	}
	return t
}

// Read calls letter and mark with what was written since, up to the ends that the topic has now. What is
// neither is passed over.
func (t *Tail) Read(ctx context.Context, letter func(*Filed), mark func(*Mark)) error {
	now, err := t.desk.Client.Ranges(ctx, t.desk.Topic, partitionsOf(t.next))
	if err != nil {
		return err
	}
	for i := range t.next {
		r := &t.next[i]
		if now[i].Partition != r.Partition {
			return fmt.Errorf("topic %q has other partitions than before", t.desk.Topic)
		}
		from, to := max(r.First, now[i].First), now[i].End
		err := t.desk.Client.Scan(ctx, t.desk.Topic, r.Partition, from, to, func(x *fetch.Record) error {
			l, m, _ := read(r.Partition, t.desk.Group, x) // what can't be read is told by a whole reading
			switch {
			case l != nil:
				letter(l)
			case m != nil:
				mark(m)
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.First = max(r.First, to)
	}
	return nil
}
