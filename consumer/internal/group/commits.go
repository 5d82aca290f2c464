package group

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"

	"roomrelay/internal/commits"
	"roomrelay/internal/fetch"
)

// Offset is what one partition's commit says.
type Offset struct {
	Partition int32
	Offset    int64
	Metadata  string // text, at most 4096 UTF-16 units
}

// Outcome is what became of one partition's commit.
type Outcome uint8

const (
	// Refused: it was not applied and never will be. It may be sent again.
	Refused Outcome = iota
	// Applied: the coordinator has it.
	Applied
	// Undecided: nobody can tell whether it was applied. It isn't any more, now that it was answered.
	Undecided
	// Unanswered: nobody can tell whether it was applied, nor whether it still will be.
	Unanswered
	// TooLarge: refused for the size of its metadata. Sending it again would change nothing.
	TooLarge
)

// CommitPatience bounds a commit: the coordinator itself gives up waiting for its replicas after as long
// (offsets.commit.timeout.ms).
const CommitPatience = 5 * time.Second

// Commit sends the offsets in one request and returns the outcome of each, in their order, and the coordinator that it
// went to. err, which is for the log, says why not all were applied.
//
// The coordinator checks the generation but not who owns a partition: naming only owned ones is the
// caller's part. They are of the topic with this id: nothing is sent if that may be another one now.
func (m *Member) Commit(ctx context.Context, topic fetch.TopicID, offsets []Offset) (outcomes []Outcome, node int32, err error) {
	outcomes = make([]Outcome, len(offsets))
	i, ok := m.identity()
	if !ok {
		return outcomes, 0, errors.New("committing: not in the group")
	}
	ctx, cancel := context.WithTimeout(ctx, CommitPatience)
	defer cancel()
	// Asked for beforehand: the Transport would do so itself, and its error would leave open whether the commit was sent.
	node, err = m.coordinator(ctx)
	if err != nil {
		return outcomes, 0, fmt.Errorf("committing: %w", err)
	}
	if !m.stands(topic) { // asked as late as can be
		return outcomes, node, errors.New("committing: brokers said that the topic isn't there, its id must be read first")
	}
	answer, err := roundTrip[*commitResponse](ctx, m, CommitPatience, m.commitRequest(i, node, offsets))
	if err != nil {
		if !neverSent(err) {
			for x := range outcomes {
				outcomes[x] = Unanswered
			}
		}
		return outcomes, node, fmt.Errorf("committing: %w", err)
	}
	codes := map[int32]kafka.Error{}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			codes[p.PartitionIndex] = kafka.Error(p.ErrorCode)
		}
	}
	for x, o := range offsets {
		code, there := codes[o.Partition]
		if !there {
			code = kafka.Unknown
		}
		outcomes[x] = m.committed(i, code)
		if code != 0 {
			err = fmt.Errorf("committing partition %d: %w", o.Partition, code)
		}
	}
	return outcomes, node, err
}

// coordinator finds the broker that coordinates the group.
func (m *Member) coordinator(ctx context.Context) (node int32, err error) {
	answer, err := roundTrip[*findcoordinator.Response](ctx, m, CommitPatience, &findcoordinator.Request{Key: m.cfg.Group})
	if err == nil && answer.ErrorCode != 0 {
		err = kafka.Error(answer.ErrorCode)
	}
	if err != nil {
		return 0, fmt.Errorf("finding the coordinator of group %q: %w", m.cfg.Group, err)
	}
	return answer.NodeID, nil
}

func (m *Member) commitRequest(i identity, node int32, offsets []Offset) *commitRequest {
	topic := commitTopic{Name: m.cfg.Topic}
	for _, o := range offsets {
		topic.Partitions = append(topic.Partitions, commitPartition{
			PartitionIndex:    o.Partition,
			CommittedOffset:   o.Offset,
			CommittedMetadata: o.Metadata,
			// Not 0, which kafka.Client sends: another client would see a truncated log there.
			CommittedLeaderEpoch: -1,
		})
	}
	return &commitRequest{
		node:            node,
		GroupID:         m.cfg.Group,
		GenerationID:    i.generation,
		MemberID:        i.id,
		RetentionTimeMS: -1,
		GroupInstanceID: m.cfg.InstanceID,
		Topics:          []commitTopic{topic},
	}
}

// committed judges one partition's answer.
func (m *Member) committed(i identity, code kafka.Error) Outcome {
	switch code {
	case 0:
		return Applied
	case kafka.UnknownMemberId, kafka.IllegalGeneration, kafka.FencedInstanceID:
		m.dropped(i, code)
		return Refused
	case kafka.OffsetMetadataTooLarge:
		return TooLarge
	case kafka.UnknownTopicOrPartition:
		m.Suspect()
		return Refused
	case kafka.RebalanceInProgress, kafka.NotCoordinatorForGroup, kafka.GroupLoadInProgress,
		kafka.InvalidCommitOffsetSize, kafka.InvalidGroupId,
		kafka.TopicAuthorizationFailed, kafka.GroupAuthorizationFailed:
		return Refused
	}
	// 7 and 15 come after the coordinator wrote it to its log and waited in vain for its replicas; of what else there
	// may be, the same is assumed: no coordinator answers first and writes then. What is written later stands behind it.
	return Undecided
}

// neverSent says that a request that failed with err can't have reached a coordinator.
func neverSent(err error) bool {
	// The dialer of the program says so itself: of a connection that wasn't made, or not renewed.
	if x, ok := errors.AsType[interface {
		error
		NeverSent() bool
	}](err); ok {
		return x.NeverSent()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	return errors.Is(err, kafka.BrokerNotAvailable)
}

// Committed reads a partition's commit; nil: there is none.
func (m *Member) Committed(ctx context.Context, partition int32) (*commits.Commit, error) {
	ctx, cancel := context.WithTimeout(ctx, CommitPatience)
	defer cancel()
	source := commits.Source{Transport: m.cfg.Transport, Addr: m.cfg.Addr, Group: m.cfg.Group}
	all, err := source.Read(ctx, m.cfg.Topic, partition)
	if err != nil {
		return nil, fmt.Errorf("reading the group's commit: %w", err)
	}
	if c, found := all[partition]; found {
		return &c, nil
	}
	return nil, nil
}
