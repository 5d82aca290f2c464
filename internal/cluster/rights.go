package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Operation is what an ACL allows. Its value is the one that brokers answer with.
type Operation uint8

// The operations that this program takes. Who may read or write may describe, too.
const (
	Read            Operation = 3
	Write           Operation = 4
	Describe        Operation = 8
	DescribeConfigs Operation = 10
)

// String is the operation as kafka-acls.sh has it.
func (o Operation) String() string {
	switch o {
	case Read:
		return "Read"
	case Write:
		return "Write"
	case Describe:
		return "Describe"
	case DescribeConfigs:
		return "DescribeConfigs"
	}
	return fmt.Sprintf("operation %d", uint8(o))
}

// Right is one permission: an operation on a topic or on a group.
type Right struct {
	Operation Operation
	Topic     string // "": Group counts
	Group     string
}

// String names it for a person.
func (r Right) String() string {
	if r.Topic != "" {
		return fmt.Sprintf("%v on topic %s", r.Operation, r.Topic)
	}
	return fmt.Sprintf("%v on group %s", r.Operation, r.Group)
}

// Flags are those of kafka-acls.sh that grant it.
func (r Right) Flags() string {
	if r.Topic != "" {
		return fmt.Sprintf("--operation %v --topic %s", r.Operation, r.Topic)
	}
	return fmt.Sprintf("--operation %v --group %s", r.Operation, r.Group)
}

// Asker sends one request to one broker.
type Asker interface {
	Ask(ctx context.Context, network, addr string, req protocol.Message) (protocol.Message, error)
}

// Missing says which of the rights the client doesn't have, in their order, as the brokers know it (KIP-430): nothing is
// tried out. An error says that this can't be told of all of them; those of a topic that doesn't exist, for one.
// brokers are asked in turn until one answers, by ask: the Transport would answer from what it knows.
func (c *Client) Missing(ctx context.Context, ask Asker, brokers []string, rights []Right) (missing []Right, err error) {
	ctx, cancel := context.WithTimeout(ctx, firstContact)
	defer cancel()
	var topics []string
	for _, r := range rights {
		if r.Topic != "" && !slices.Contains(topics, r.Topic) {
			topics = append(topics, r.Topic)
		}
	}
	ofTopics, failed := topicRights(ctx, ask, brokers, topics)
	if ofTopics == nil && failed != nil {
		return nil, failed
	}
	ofGroups := map[string]int32{}
	for _, r := range rights {
		has, known := ofTopics[r.Topic]
		if r.Topic == "" {
			if _, known = ofGroups[r.Group]; !known {
				n, err := c.groupRights(ctx, r.Group)
				if err != nil {
					failed = errors.Join(failed, err)
					continue
				}
				ofGroups[r.Group], known = n, true
			}
			has = ofGroups[r.Group]
		}
		if known && has&(1<<r.Operation) == 0 {
			missing = append(missing, r)
		}
	}
	return missing, failed
}

// untold is what a broker answers that doesn't tell.
const untold = -1 << 31

// topicRights are bits by topic; what can't be told is left out. nil: no broker answers.
func topicRights(ctx context.Context, ask Asker, brokers, topics []string) (bits map[string]int32, err error) {
	var answer *metadata.Response
	for _, addr := range brokers {
		m, failed := ask.Ask(ctx, "tcp", addr, &metadata.Request{TopicNames: topics, IncludeTopicAuthorizedOperations: true})
		if got, ok := m.(*metadata.Response); failed == nil && ok {
			answer, err = got, nil
			break
		}
		err = failed
	}
	if answer == nil {
		return nil, fmt.Errorf("asking for the rights on topics: %w", err)
	}
	bits = map[string]int32{}
	for _, t := range answer.Topics {
		switch code := kafka.Error(t.ErrorCode); {
		case code == kafka.TopicAuthorizationFailed:
			// Nothing that implies Describe is allowed. Of DescribeConfigs, which doesn't, nothing is told.
			bits[t.Name] = 1 << DescribeConfigs
		case code == kafka.UnknownTopicOrPartition:
			err = errors.Join(err, fmt.Errorf("topic %q: %w", t.Name, ErrMissing))
		case t.TopicAuthorizedOperations == untold:
			err = errors.Join(err, fmt.Errorf("topic %q: the broker doesn't tell the rights on it", t.Name))
		default:
			bits[t.Name] = t.TopicAuthorizedOperations
		}
	}
	return bits, err
}

func (c *Client) groupRights(ctx context.Context, group string) (bits int32, err error) {
	err = c.try(ctx, func(ctx context.Context) error {
		m, err := c.Transport.RoundTrip(ctx, c.Addr, &describegroups.Request{Groups: []string{group}, IncludeAuthorizedOperations: true})
		if err != nil {
			return err
		}
		answer, ok := m.(*describegroups.Response)
		if !ok || len(answer.Groups) != 1 {
			return fmt.Errorf("unexpected answer %T", m)
		}
		bits = answer.Groups[0].AuthorizedOperations
		if code := kafka.Error(answer.Groups[0].ErrorCode); code != 0 {
			bits = 0
			return code
		}
		return nil
	})
	switch {
	case errors.Is(err, kafka.GroupAuthorizationFailed):
		return 0, nil
	case err == nil && bits == untold:
		err = errors.New("the broker doesn't tell them")
	}
	if err != nil {
		return 0, fmt.Errorf("asking for the rights on group %q: %w", group, err)
	}
	return bits, nil
}
