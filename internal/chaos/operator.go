package chaos

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/world"
)

// operate is what an operator does with the offsets of a group whose workers are all stopped: back to where
// it was some time ago, the same place by another client, or with metadata that was kept by a tool that
// moves offsets.
func (r *Run) operate(d Deed) {
	for _, s := range r.seats {
		if s.busy {
			return // others are at work there
		}
	}
	emptied := slices.Clone(r.seats)
	abrupt := d.Number%2 == 0 // all die, and somebody acts at once
	for i, s := range emptied {
		s.busy = true
		x := s.worker
		if !abrupt && d.Number>>i&2 == 0 {
			r.stops.Go(func() { r.stop(x) })
			continue
		}
		x.Kill()
		if abrupt {
			r.expel(x.Name)
		}
	}
	wait := drainTimeout + sessionTimeout + time.Second
	if abrupt {
		wait = between2(d.Number, 0, time.Second)
	}
	r.after(r.now()+wait, func() {
		r.resetOffsets(d.Number)
		for _, s := range emptied {
			r.sit(s, d.Anew)
		}
	})
}

func (r *Run) resetOffsets(n int) {
	if info := r.Cluster.GroupInfo(world.Group); info == nil || info.State != "Empty" {
		r.note("offsets not reset: the group isn't empty")
		return
	}
	q := kmsg.NewPtrOffsetCommitRequest()
	q.Version, q.Group, q.Generation = 7, world.Group, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = world.Topic
	for p := range r.partitions() {
		offset, metadata := r.Committed(p)
		if offset < 0 {
			continue
		}
		x := kmsg.NewOffsetCommitRequestTopicPartition()
		x.Partition, x.Offset, x.LeaderEpoch = int32(p), offset, -1
		log := r.Cluster.PartitionInfo(world.Topic, int32(p))
		switch n % 5 {
		case 0:
			x.Offset = max(log.LogStartOffset, offset-int64(1+n/8%300))
		case 1: // by another client, which keeps no metadata
		case 2: // by a tool that moves offsets and keeps their metadata
			x.Offset, x.Metadata = max(log.LogStartOffset, offset-int64(1+n/8%10)), &metadata
		case 3: // as a mirror does: the metadata is of another log
			if _, other := r.Committed((p + 1) % r.partitions()); !commitOf(offset, other).ours {
				x.Metadata = &other // one that names the same offset can't be told from its own
			}
		case 4: // by mistake, beyond the end
			x.Offset = log.HighWatermark + int64(1+n/8%20)
			r.judge.passTo(p, x.Offset)
		}
		t.Partitions = append(t.Partitions, x)
	}
	if len(t.Partitions) == 0 {
		return
	}
	q.Topics = append(q.Topics, t)
	r.judge.operated()
	answer, err := r.Ask(r.Cluster.CoordinatorFor(world.Group), q)
	if err != nil {
		r.note("offsets not reset: %v", err)
		return
	}
	for _, x := range answer.(*kmsg.OffsetCommitResponse).Topics[0].Partitions {
		r.note("offset of partition %d reset to %d: %v", x.Partition, t.Partitions[0].Offset, kerr.ErrorForCode(x.ErrorCode))
	}
	r.cover.seen("operator", []string{"back", "same place without metadata", "back with another offset's metadata", "another log's metadata", "beyond the end"}[n%5])
}
