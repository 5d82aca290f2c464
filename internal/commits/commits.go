// Package commits reads what a consumer group has committed.
//
// It promises that what it returns is no older than any commit that was acknowledged before the request began, also
// right after the group's coordinator has moved. A plain OffsetFetch doesn't: a coordinator of Kafka 4 answers it from
// what is below the high watermark, and one that was just elected may know of a lower one than its predecessor did, for
// up to a second. So it asks for what is stable (OffsetFetch 7, KIP-447), which waits until all that the coordinator has
// in its log is replicated. Brokers before Kafka 2.5 don't speak that version, and don't need it.
//
// It doesn't try again, and doesn't bound its wait: that is the caller's part, by the context.
//
// It registers its own types for OffsetFetch with kafka-go, whose types end at version 5. kafka.Client.OffsetFetch
// panics from then on, by its type assertion; nothing here uses it. Reader and ConsumerGroup aren't touched.
package commits

import (
	"context"
	"fmt"
	"net"

	kafka "github.com/segmentio/kafka-go"
)

// Commit is what a group has committed for a partition.
type Commit struct {
	Offset   int64
	Metadata string
}

// Source is whom to ask about which group.
type Source struct {
	Transport kafka.RoundTripper // knows, or can find, the group's coordinator
	Addr      net.Addr
	Group     string
}

// Read returns the group's commits of a topic, by partition; one without a commit is left out. Without a partition the
// answer is empty. Errors of brokers are a kafka.Error: GroupIdNotFound where nobody has ever joined the group;
// UnstableOffsetCommit while a transaction is open that commits for it.
func (s *Source) Read(ctx context.Context, topic string, partitions ...int32) (map[int32]Commit, error) {
	found := map[int32]Commit{}
	if len(partitions) == 0 {
		return found, nil
	}
	m, err := s.Transport.RoundTrip(ctx, s.Addr, &request{
		GroupID: s.Group, RequireStable: true,
		Topics: []requestTopic{{Name: topic, PartitionIndexes: partitions}},
	})
	if err != nil {
		return nil, err
	}
	answer, ok := m.(*response)
	if !ok {
		return nil, fmt.Errorf("unexpected answer %T", m)
	}
	if answer.ErrorCode != 0 {
		return nil, kafka.Error(answer.ErrorCode)
	}
	told := answer.of(topic)
	for _, n := range partitions {
		p, there := told[n]
		switch {
		case !there:
			return nil, fmt.Errorf("partition %d: it isn't in the answer: %w", n, kafka.Unknown)
		case p.ErrorCode != 0:
			return nil, fmt.Errorf("partition %d: %w", n, kafka.Error(p.ErrorCode))
		case p.CommittedOffset >= 0:
			found[n] = Commit{p.CommittedOffset, p.Metadata}
		}
	}
	return found, nil
}
