package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"roomrelay/deadletter"
	"roomrelay/internal/cluster"
)

// parcel is a letter ready to be published.
type parcel struct {
	entry     *deadletter.Entry
	filed     *deadletter.Filed
	partition int32
	message   cluster.Message
}

// batchBytes bounds a batch far below the 1 MiB that brokers take by default. A larger letter goes alone.
const batchBytes = 512 << 10

func (p *parcel) size() int {
	n := len(p.message.Key) + len(p.message.Value) + 100
	for _, h := range p.message.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// publish publishes letters and marks those that were.
func (r *Replay) publish(ctx context.Context, entries []*deadletter.Entry) error {
	filed, err := r.cfg.Desk.Fetch(ctx, entries)
	if err != nil {
		return err
	}
	by := map[int32][]*parcel{}
	var partitions []int32
	for i, e := range entries {
		p, err := r.pack(ctx, e, filed[i])
		if why, aside := errors.AsType[*Aside](err); aside {
			r.out.Aside[why.Why]++
			continue
		}
		if err != nil {
			return err
		}
		if by[p.partition] == nil {
			partitions = append(partitions, p.partition)
		}
		by[p.partition] = append(by[p.partition], p)
	}
	var marks []*deadletter.Mark
	var failed error
	for _, n := range partitions {
		for len(by[n]) > 0 && failed == nil {
			batch := headOf(by[n])
			by[n] = by[n][len(batch):]
			var some []*deadletter.Mark
			some, failed = r.append(ctx, n, batch)
			marks = append(marks, some...)
		}
	}
	return errors.Join(failed, r.mark(ctx, marks))
}

// headOf is as many parcels as go in one batch.
func headOf(parcels []*parcel) []*parcel {
	bytes := 0
	for i, p := range parcels {
		if bytes += p.size(); bytes > batchBytes && i > 0 {
			return parcels[:i]
		}
	}
	return parcels
}

// append writes a batch, and makes the marks of what was written.
func (r *Replay) append(ctx context.Context, partition int32, batch []*parcel) ([]*deadletter.Mark, error) {
	messages := make([]cluster.Message, len(batch))
	for i, p := range batch {
		messages[i] = p.message
	}
	base, err := r.cfg.Desk.Client.Append(ctx, r.cfg.To, partition, messages)
	switch {
	case cluster.TooLarge(err) && len(batch) == 1:
		r.out.Aside["larger than topic "+r.cfg.To+" takes"]++
		return nil, nil
	case cluster.TooLarge(err):
		half := len(batch) / 2
		first, err := r.append(ctx, partition, batch[:half])
		if err != nil {
			return first, err
		}
		rest, err := r.append(ctx, partition, batch[half:])
		return append(first, rest...), err
	case err != nil:
		return nil, fmt.Errorf("publishing letters: %w", err)
	}
	now := time.Now()
	var marks []*deadletter.Mark
	for i, p := range batch {
		at := deadletter.Place{Partition: partition, Offset: base + int64(i)}
		r.gauge.published(at)
		r.published[p.entry.Identity] = int(p.entry.Replays) + 1
		r.out.Published++
		if !r.cfg.marks(p.entry) {
			r.out.Foreign++
			continue
		}
		marks = append(marks, deadletter.MarksOf(p.entry, deadletter.Mark{
			Action: deadletter.ActionReplay, At: now, By: r.cfg.By, Why: r.cfg.Why, To: r.cfg.To, Position: at, MsgID: p.filed.MsgID,
		})...)
	}
	return marks, nil
}

func (r *Replay) mark(ctx context.Context, marks []*deadletter.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	if err := r.cfg.Desk.Mark(ctx, marks); err != nil {
		r.out.Unmarked = len(marks)
		return fmt.Errorf("%w; %w", err, deadletter.ErrMarks)
	}
	return nil
}

// pack makes a letter ready. The error is an *Aside if the letter can't go.
func (r *Replay) pack(ctx context.Context, e *deadletter.Entry, f *deadletter.Filed) (*parcel, error) {
	if f == nil {
		return nil, &Aside{"retention has taken it"}
	}
	body := content{key: f.Key, value: f.Value, headers: f.OwnHeaders()}
	if f.Truncated > 0 && !r.cfg.Mend.Replaces() {
		var err error
		if body, err = r.source(ctx, f); err != nil {
			return nil, err
		}
	}
	moved, err := r.cfg.Mend.apply(f, &body)
	if err != nil {
		return nil, err
	}
	p := &parcel{entry: e, filed: f, message: cluster.Message{Key: body.key, Value: body.value, Headers: f.ReplayHeaders(body.headers)}}
	if r.cfg.To == f.Identity.Topic && !moved && slices.Contains(r.partitions, f.Source.Partition) {
		p.partition = f.Source.Partition
	} else {
		p.partition = byKey(body.key, r.partitions)
	}
	return p, nil
}
