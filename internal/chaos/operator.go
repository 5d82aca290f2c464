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
	for i, s := range emptied {
		s.busy = true
		x := s.worker
		if d.Number>>i&1 == 0 {
			r.stops.Go(func() { r.stop(x) })
		} else {
			x.Kill()
		}
	}
	r.after(r.now()+drainTimeout+sessionTimeout+time.Second, func() {
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
		switch n % 3 {
		case 0:
			x.Offset = max(r.Cluster.PartitionInfo(world.Topic, int32(p)).LogStartOffset, offset-int64(1+n/8%40))
		case 1:
		case 2: // as a mirror does: the metadata is another offset's
			x.Offset, x.Metadata = max(0, offset-int64(1+n/8%10)), &metadata
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
	r.cover.seen("operator", []string{"back", "same place without metadata", "back with another offset's metadata"}[n%3])
}
