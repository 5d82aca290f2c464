package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

func init() { protocol.Register(&epochRequest{}, &epochResponse{}) }

// epochRequest is OffsetForLeaderEpoch (KIP-101, for consumers KIP-320), which kafka-go has no type for.
type epochRequest struct {
	ReplicaID int32               `kafka:"min=v3,max=v3"`
	Topics    []epochRequestTopic `kafka:"min=v2,max=v3"`

	turn int // which of those that may lead the partition is asked
}

type epochRequestTopic struct {
	Topic      string                  `kafka:"min=v2,max=v3"`
	Partitions []epochRequestPartition `kafka:"min=v2,max=v3"`
}

type epochRequestPartition struct {
	Partition          int32 `kafka:"min=v2,max=v3"`
	CurrentLeaderEpoch int32 `kafka:"min=v2,max=v3"`
	LeaderEpoch        int32 `kafka:"min=v2,max=v3"`
}

func (r *epochRequest) ApiKey() protocol.ApiKey { return protocol.OffsetForLeaderEpoch } //nolint:revive // the name is that of protocol.Message

// Broker sends the request to the partition's leader, or in later turns to another replica.
func (r *epochRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	topic, partition := r.Topics[0].Topic, r.Topics[0].Partitions[0].Partition
	if r.turn == 0 {
		return leader(cluster, topic, partition)
	}
	p := cluster.Topics[topic].Partitions[partition]
	others := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return id == p.Leader })
	if r.turn > len(others) {
		return protocol.Broker{ID: -1}, errNoOther
	}
	b, ok := cluster.Brokers[others[r.turn-1]]
	if !ok {
		return protocol.Broker{ID: -1}, kafka.LeaderNotAvailable
	}
	return b, nil
}

var errNoOther = errors.New("no other replica")

type epochResponse struct {
	ThrottleTimeMS int32                `kafka:"min=v2,max=v3"`
	Topics         []epochResponseTopic `kafka:"min=v2,max=v3"`
}

type epochResponseTopic struct {
	Topic      string                   `kafka:"min=v2,max=v3"`
	Partitions []epochResponsePartition `kafka:"min=v2,max=v3"`
}

type epochResponsePartition struct {
	ErrorCode   int16 `kafka:"min=v2,max=v3"`
	Partition   int32 `kafka:"min=v2,max=v3"`
	LeaderEpoch int32 `kafka:"min=v2,max=v3"`
	EndOffset   int64 `kafka:"min=v2,max=v3"`
}

func (r *epochResponse) ApiKey() protocol.ApiKey { return protocol.OffsetForLeaderEpoch } //nolint:revive // the name is that of protocol.Message

// Written is what leaders of a partition have written, up to one of this epoch.
type Written struct {
	Topic            string
	Partition, Epoch int32
}

// EndOf asks the partition's leader for the end of what leaders up to an epoch have written, as far as its log holds
// it. Who has read further, with that epoch as the last one, has read what the log doesn't hold any more: its end was cut off,
// and other records may stand there. known is false if the leader knows of no such epoch, because it is newer than its
// own, or all of it was deleted. Errors are those of Do.
//
// A leader that has just changed isn't known to the transport for as long as its metadata holds, and unlike a fetch this
// is answered by nobody else. So the other replicas are asked, too.
func EndOf(ctx context.Context, transport kafka.RoundTripper, addr net.Addr, w Written) (end int64, known bool, err error) {
	for turn := 0; ; turn++ {
		m, next := transport.RoundTrip(ctx, addr, w.request(turn))
		if next == nil {
			end, known, next = w.answer(m)
		}
		switch {
		case next == nil:
			return end, known, nil
		case errors.Is(next, errNoOther):
			return 0, false, err
		case ctx.Err() != nil:
			return 0, false, next
		case turn == 0:
			err = next
		}
	}
}

func (w *Written) request(turn int) *epochRequest {
	return &epochRequest{
		turn:      turn,
		ReplicaID: -1, // a consumer
		Topics: []epochRequestTopic{{
			Topic:      w.Topic,
			Partitions: []epochRequestPartition{{Partition: w.Partition, CurrentLeaderEpoch: -1, LeaderEpoch: w.Epoch}},
		}},
	}
}

func (w *Written) answer(m protocol.Message) (end int64, known bool, err error) {
	answer, ok := m.(*epochResponse)
	if !ok {
		return 0, false, fmt.Errorf("unexpected answer %T", m)
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			switch {
			case t.Topic != w.Topic || p.Partition != w.Partition:
			case p.ErrorCode != 0:
				return 0, false, kafka.Error(p.ErrorCode)
			default:
				return p.EndOffset, p.LeaderEpoch >= 0 && p.EndOffset >= 0, nil
			}
		}
	}
	return 0, false, fmt.Errorf("no answer about partition %d of topic %q", w.Partition, w.Topic)
}
