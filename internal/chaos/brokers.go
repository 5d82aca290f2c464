package chaos

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/world"
)

// answers are errors that a broker may answer and a client gets over, by what is asked.
var answers = []struct {
	key kmsg.Key
	top bool // the error is of the whole answer
	err []*kerr.Error
}{
	{kmsg.Fetch, false, []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.ReplicaNotAvailable, kerr.UnknownServerError, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.KafkaStorageError, kerr.OffsetOutOfRange}},
	{kmsg.OffsetCommit, false, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.RebalanceInProgress, kerr.RequestTimedOut, kerr.UnknownServerError, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.UnknownTopicOrPartition, kerr.GroupAuthorizationFailed}},
	{kmsg.OffsetFetch, false, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator, kerr.UnknownServerError, kerr.GroupAuthorizationFailed}},
	{kmsg.JoinGroup, true, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.UnknownMemberID, kerr.GroupMaxSizeReached, kerr.RebalanceInProgress}},
	{kmsg.SyncGroup, true, []*kerr.Error{kerr.RebalanceInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.UnknownMemberID, kerr.IllegalGeneration}},
	{kmsg.Heartbeat, true, []*kerr.Error{kerr.RebalanceInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.UnknownMemberID, kerr.IllegalGeneration}},
	{kmsg.FindCoordinator, true, []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.UnknownServerError, kerr.GroupAuthorizationFailed}},
	{kmsg.ListOffsets, false, []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.OffsetNotAvailable}},
	{kmsg.LeaveGroup, true, []*kerr.Error{kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.UnknownMemberID}},
	{kmsg.Produce, false, []*kerr.Error{kerr.NotLeaderForPartition, kerr.NotEnoughReplicasAfterAppend, kerr.RequestTimedOut, kerr.UnknownTopicOrPartition, kerr.KafkaStorageError, kerr.InvalidRecord, kerr.MessageTooLarge}},
}

// befallBroker does to the brokers what can be done to them.
func (r *Run) befallBroker(d Deed) {
	s := &r.plan.Setting
	partition := int32(d.Number / 2 % s.Partitions)
	r.upset(r.now() + d.For)
	switch d.Do {
	case Fault, Unwritable, TooLarge:
		r.fault(d)
	case Move:
		topic := []string{world.Topic, world.Letters}[d.Number%2]
		_ = r.Cluster.MoveTopicPartition(topic, partition, int32(d.Number/16%s.Brokers))
	case Rehash:
		r.Cluster.RehashCoordinators()
		r.laggard.lag(d.For)
	case Grow:
		r.grow()
	case Truncate:
		r.truncate(partition, d.Number)
	}
}

func (r *Run) fault(d Deed) {
	f := kfake.Fault{Count: 1 + d.Number%5}
	switch d.Do {
	case Unwritable:
		errs := []*kerr.Error{kerr.NotEnoughReplicas, kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.TopicAuthorizationFailed, kerr.UnknownServerError}
		f.Keys, f.Topic, f.Err, f.Count = []kmsg.Key{kmsg.Produce}, world.Letters, errs[d.Number%len(errs)], -1
	case TooLarge:
		f.Keys, f.Err, f.Count = []kmsg.Key{kmsg.OffsetCommit}, kerr.OffsetMetadataTooLarge, 5+d.Number%5
	default:
		x := answers[d.Number%len(answers)]
		f.Keys, f.TopLevel, f.Err = []kmsg.Key{x.key}, x.top, x.err[d.Number/16%len(x.err)]
		switch x.key {
		case kmsg.Produce:
			f.Topic = world.Letters
		case kmsg.Fetch, kmsg.ListOffsets:
			f.Topic = world.Topic
		}
	}
	f.When = func(q kmsg.Request) bool {
		fetch, ok := q.(*kmsg.FetchRequest)
		return !ok || fetch.MaxBytes != judges
	}
	handle := r.Cluster.Fault(f)
	r.cover.seen("broker's error", kmsg.NameForKey(int16(f.Keys[0]))+" "+f.Err.Message)
	r.note("%v %v", kmsg.NameForKey(int16(f.Keys[0])), f.Err)
	r.faults = append(r.faults, handle)
	r.after(r.now()+d.For, handle.Remove)
}

// largeLetter is more than a request with letters may have where these must be small. One without its value
// has about 700 bytes.
const largeLetter = 3000

// limitLetters lets the dead-letter topic refuse large records for good.
func (r *Run) limitLetters() {
	r.Cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: world.Letters, Err: kerr.MessageTooLarge, Count: -1,
		When: func(q kmsg.Request) bool {
			size := 0
			for _, t := range q.(*kmsg.ProduceRequest).Topics {
				for _, p := range t.Partitions {
					size += len(p.Records)
				}
			}
			return size > largeLetter
		},
	})
}

// largeMeta is more metadata than a commit may have where there is a limit: the head of ours has some 35
// characters, so that a few runs fit.
const largeMeta = 64

// limitMeta lets the coordinator refuse commits with much metadata for good (offset.metadata.max.bytes).
func (r *Run) limitMeta() {
	r.Cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: world.Topic, Err: kerr.OffsetMetadataTooLarge, Count: -1,
		When: func(q kmsg.Request) bool {
			for _, t := range q.(*kmsg.OffsetCommitRequest).Topics {
				for _, p := range t.Partitions {
					if p.Metadata != nil && len(*p.Metadata) > largeMeta {
						return true
					}
				}
			}
			return false
		},
	})
}

// grow adds a partition to the topic. Rooms stay where they are; the new partition gets some of its own.
func (r *Run) grow() {
	have := r.Cluster.TopicInfo(world.Topic)
	if have == nil || len(r.grown) > 1 {
		return
	}
	n := int32(r.plan.Setting.Partitions + len(r.grown) + 1)
	q := kmsg.NewPtrCreatePartitionsRequest()
	q.Version, q.TimeoutMillis = 1, 1000
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = world.Topic, n
	q.Topics = append(q.Topics, t)
	var answer kmsg.Response
	var err error
	for node := range int32(r.plan.Setting.Brokers) { // the controller is one of them
		answer, err = r.Ask(node, q)
		if err == nil && answer.(*kmsg.CreatePartitionsResponse).Topics[0].ErrorCode != kerr.NotController.Code {
			break
		}
	}
	if err != nil {
		r.note("partitions not added: %v", err)
		return
	} else if a := answer.(*kmsg.CreatePartitionsResponse); a.Topics[0].ErrorCode != 0 {
		r.note("partitions not added: %v", kerr.ErrorForCode(a.Topics[0].ErrorCode))
		return
	}
	p := int(n - 1)
	r.grown = append(r.grown, p)
	r.judge.grow()
	for i := range 6 {
		room := int64(100 + p)
		r.after(r.now()+time.Duration(i)*2*time.Second, func() { r.write(r.extra(room, p, "grown")) })
	}
}

// truncate moves the start of a partition's log, as retention or an operator does.
func (r *Run) truncate(partition int32, n int) {
	end := r.Cluster.PartitionInfo(world.Topic, partition).HighWatermark
	to := end - int64(n%30)
	if to <= 0 {
		return
	}
	r.judge.deleting(partition, to)
	if err := r.Cluster.DeleteRecords(world.Topic, partition, to); err != nil {
		r.note("log not truncated: %v", err)
	}
	r.note("log of partition %d begins at %d", partition, to)
}
