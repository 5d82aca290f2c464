package chaos

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
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
	if r.twins() {
		return // he would have to see that one of them is still alive
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
		wait = spread(d.Number, 0, time.Second)
	}
	r.after(r.now()+wait, func() {
		beyond := r.resetOffsets(d.Number)
		for _, s := range emptied {
			r.sit(s, d.Anew)
		}
		if beyond {
			r.await()
		}
	})
}

// await lets nothing be published until every partition's commit is within its log again: what came before
// that might fill the log up to the commit, and so be passed over, as the operator wanted it.
func (r *Run) await() {
	for range 40 {
		out := false
		for p := range r.partitions() {
			if offset, _ := r.Committed(p); offset > r.end(p) {
				out = true
			}
		}
		if !out {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	for p := range r.partitions() {
		offset, _ := r.Committed(p)
		r.judge.passTo(p, offset)
	}
}

func (r *Run) resetOffsets(n int) (beyond bool) {
	if info := r.Cluster.GroupInfo(world.Group); info == nil || info.State != "Empty" {
		r.note("offsets not reset: the group isn't empty")
		return false
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
		case 4: // by mistake, beyond the end; perhaps with what a tool made of the metadata
			x.Offset = log.HighWatermark + int64(1+n/8%20)
			if n/256%2 == 0 {
				set := base64.RawURLEncoding.EncodeToString(binary.AppendUvarint(binary.AppendUvarint(nil, 1), 60))
				x.Metadata = new(fmt.Sprintf("roomrelay/1:%d:%d::::%s", x.Offset, x.Offset+100, set))
			}
			beyond = true
		}
		t.Partitions = append(t.Partitions, x)
	}
	if len(t.Partitions) == 0 {
		return false
	}
	q.Topics = append(q.Topics, t)
	r.judge.operated()
	answer, err := r.Ask(r.Cluster.CoordinatorFor(world.Group), q)
	if err != nil {
		r.note("offsets not reset: %v", err)
		return false
	}
	for _, x := range answer.(*kmsg.OffsetCommitResponse).Topics[0].Partitions {
		r.note("offset of partition %d reset to %d: %v", x.Partition, t.Partitions[0].Offset, kerr.ErrorForCode(x.ErrorCode))
	}
	r.cover.seen("operator", []string{"back", "same place without metadata", "back with another offset's metadata", "another log's metadata", "beyond the end"}[n%5])
	return beyond
}
