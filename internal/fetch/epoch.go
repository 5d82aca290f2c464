package fetch

import (
	"context"
	"fmt"
	"net"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

func init() { protocol.Register(&epochRequest{}, &epochResponse{}) }

// epochRequest is OffsetForLeaderEpoch (KIP-101, for consumers KIP-320), which kafka-go has no type for.
type epochRequest struct {
	ReplicaID int32               `kafka:"min=v3,max=v3"`
	Topics    []epochRequestTopic `kafka:"min=v2,max=v3"`
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

// Broker sends the request to the partition's leader.
func (r *epochRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	return leader(cluster, r.Topics[0].Topic, r.Topics[0].Partitions[0].Partition)
}

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

// EndOf asks the partition's leader for the end of what leaders up to epoch have written, as far as its log holds
// it. Who has read further, with epoch as the last one, has read what the log doesn't hold any more: its end was cut off,
// and other records may stand there. known is false if the leader knows of no such epoch, because it is newer than its
// own, or all of it was deleted. Errors are those of Do.
func EndOf(ctx context.Context, transport kafka.RoundTripper, addr net.Addr, topic string, partition, epoch int32) (end int64, known bool, err error) {
	m, err := transport.RoundTrip(ctx, addr, &epochRequest{
		ReplicaID: -1, // a consumer
		Topics: []epochRequestTopic{{
			Topic:      topic,
			Partitions: []epochRequestPartition{{Partition: partition, CurrentLeaderEpoch: -1, LeaderEpoch: epoch}},
		}},
	})
	if err != nil {
		return 0, false, err
	}
	answer, ok := m.(*epochResponse)
	if !ok {
		return 0, false, fmt.Errorf("unexpected answer %T", m)
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			switch {
			case t.Topic != topic || p.Partition != partition:
			case p.ErrorCode != 0:
				return 0, false, kafka.Error(p.ErrorCode)
			default:
				return p.EndOffset, p.LeaderEpoch >= 0 && p.EndOffset >= 0, nil
			}
		}
	}
	return 0, false, fmt.Errorf("no answer about partition %d of topic %q", partition, topic)
}
