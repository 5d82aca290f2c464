// Package cluster asks Kafka what an operator's command needs: what a topic has, what stands in it, what a
// group has committed; and it appends to a partition.
//
// It promises that each wait is bounded and ends with its context; that what passes by itself (an election, a
// moved coordinator, a broker that restarts) is tried again for up to Patience; that a partition is read to
// the end that was asked for, or an error says why not; and that what it says was appended was acknowledged
// by all in-sync replicas. A record may be appended more than once: an unanswered write is repeated.
//
// It joins no group, commits nothing and creates nothing.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"
)

// Client is a way to a cluster. Transport and Addr must be set. It is safe for concurrent use.
type Client struct {
	// Transport reaches the brokers at Addr. The topics that are asked for must be among its
	// MetadataTopics, or these be empty.
	Transport kafka.RoundTripper
	Addr      net.Addr
	// Patience is how long what fails is tried again. Default 30 s: a broker's restart is over by then.
	Patience time.Duration
	// Tell is told what is tried again, for the person who waits. nil: nobody.
	Tell func(err error)
}

const (
	// tryFor bounds one request. It is more than a replica that died holds a write up: 6 to 9 s.
	tryFor = 15 * time.Second
	// firstContact bounds the first one, for which somebody waits who may have mistyped an address.
	firstContact = 10 * time.Second
)

func (c *Client) client() *kafka.Client {
	// The broker is told half of Timeout.
	return &kafka.Client{Addr: c.Addr, Transport: c.Transport, Timeout: 2 * tryFor}
}

// try makes tries of do until one succeeds, fails for good, ctx ends, or Patience is over.
func (c *Client) try(ctx context.Context, do func(context.Context) error) error {
	patience := c.Patience
	if patience <= 0 {
		patience = 30 * time.Second
	}
	retry := backoff.NewExponentialBackOff(backoff.WithInitialInterval(50*time.Millisecond),
		backoff.WithMaxInterval(2*time.Second), backoff.WithMaxElapsedTime(patience))
	return backoff.RetryNotify(func() error {
		ctx, cancel := context.WithTimeout(ctx, tryFor)
		defer cancel()
		err := do(ctx)
		if err != nil && !passes(err) {
			return backoff.Permanent(err)
		}
		return err
	}, backoff.WithContext(retry, ctx), func(err error, _ time.Duration) {
		if c.Tell != nil {
			c.Tell(err)
		}
	})
}

// passes says that an error may be over by the next try.
func passes(err error) bool {
	code, ok := errors.AsType[kafka.Error](err)
	if !ok {
		return true // the network's
	}
	switch code {
	case kafka.UnknownTopicOrPartition, kafka.GroupCoordinatorNotAvailable, kafka.GroupLoadInProgress, kafka.NotCoordinatorForGroup:
		return true
	}
	return code.Temporary()
}

// ErrMissing says that a topic isn't there.
var ErrMissing = errors.New("it doesn't exist")

// Partitions are those of a topic, in order. It is the first question of most commands, and not tried again.
func (c *Client) Partitions(ctx context.Context, topic string) ([]int32, error) {
	ctx, cancel := context.WithTimeout(ctx, firstContact)
	defer cancel()
	answer, err := c.client().Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	switch {
	case err != nil:
		return nil, fmt.Errorf("reaching Kafka at %s: %w", c.Addr, err)
	case len(answer.Topics) == 0, errors.Is(answer.Topics[0].Error, kafka.UnknownTopicOrPartition):
		return nil, fmt.Errorf("topic %q: %w", topic, ErrMissing)
	case len(answer.Topics[0].Partitions) == 0:
		return nil, fmt.Errorf("topic %q: %w", topic, answer.Topics[0].Error)
	}
	var all []int32
	for _, p := range answer.Topics[0].Partitions {
		all = append(all, int32(p.ID))
	}
	slices.Sort(all)
	return all, nil
}

// ID is the cluster's own name for itself; "" if its brokers tell none.
func (c *Client) ID(ctx context.Context, topic string) (id string, err error) {
	err = c.try(ctx, func(ctx context.Context) error {
		answer, err := c.client().Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		if err == nil {
			id = answer.ClusterID
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("asking for the cluster's id: %w", err)
	}
	return id, nil
}

// Range is the offsets of a partition that can be read: from First up to, not including, End.
type Range struct {
	Partition  int32
	First, End int64
}

// Ranges says what of a topic can be read now, in the order of partitions. What belongs to a transaction that
// hasn't ended isn't in it, nor what comes after.
func (c *Client) Ranges(ctx context.Context, topic string, partitions []int32) ([]Range, error) {
	ask := make([]kafka.OffsetRequest, 0, 2*len(partitions))
	for _, p := range partitions {
		ask = append(ask, kafka.FirstOffsetOf(int(p)), kafka.LastOffsetOf(int(p)))
	}
	answers, err := c.offsets(ctx, topic, ask)
	if err != nil {
		return nil, fmt.Errorf("reading how far topic %q goes: %w", topic, err)
	}
	all := make([]Range, 0, len(partitions))
	for _, x := range answers {
		if x.FirstOffset < 0 || x.LastOffset < x.FirstOffset {
			return nil, fmt.Errorf("reading how far topic %q goes: partition %d answers offsets %d to %d", topic, x.Partition, x.FirstOffset, x.LastOffset)
		}
		all = append(all, Range{int32(x.Partition), x.FirstOffset, x.LastOffset})
	}
	if len(all) != len(partitions) {
		return nil, fmt.Errorf("reading how far topic %q goes: %d of %d partitions answered", topic, len(all), len(partitions))
	}
	slices.SortFunc(all, func(a, b Range) int { return int(a.Partition) - int(b.Partition) })
	return all, nil
}

// At is the first offset of a partition whose record isn't older than at; -1: there is none.
func (c *Client) At(ctx context.Context, topic string, partition int32, at time.Time) (int64, error) {
	answers, err := c.offsets(ctx, topic, []kafka.OffsetRequest{kafka.TimeOffsetOf(int(partition), at)})
	if err != nil {
		return 0, fmt.Errorf("finding %v in partition %d of topic %q: %w", at.UTC().Format(time.RFC3339), partition, topic, err)
	}
	for _, x := range answers {
		for offset := range x.Offsets {
			return offset, nil
		}
	}
	return -1, nil
}

func (c *Client) offsets(ctx context.Context, topic string, ask []kafka.OffsetRequest) (found []kafka.PartitionOffsets, err error) {
	err = c.try(ctx, func(ctx context.Context) error {
		answer, err := c.client().ListOffsets(ctx, &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{topic: ask}, IsolationLevel: kafka.ReadCommitted,
		})
		if err != nil {
			return err
		}
		found = answer.Topics[topic]
		for _, x := range found {
			if x.Error != nil {
				return x.Error
			}
		}
		return nil
	})
	return found, err
}

// Config reads settings of a topic by their names. What the broker doesn't tell is left out.
func (c *Client) Config(ctx context.Context, topic string, names ...string) (map[string]string, error) {
	found := map[string]string{}
	err := c.try(ctx, func(ctx context.Context) error {
		answer, err := c.client().DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{
			{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: names},
		}})
		if errors.Is(err, kafka.BrokerNotAvailable) {
			// It knows no broker, and doesn't say why: asking for metadata does.
			if _, why := c.client().Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}}); why != nil {
				return why
			}
		}
		if err != nil {
			return err
		}
		for _, r := range answer.Resources {
			if errors.Is(r.Error, kafka.UnknownTopicOrPartition) {
				return backoff.Permanent(r.Error) // whoever waits for a topic asks for its partitions
			}
			if r.Error != nil {
				return r.Error
			}
			for _, e := range r.ConfigEntries {
				if slices.Contains(names, e.ConfigName) {
					found[e.ConfigName] = e.ConfigValue
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the settings of topic %q: %w", topic, err)
	}
	return found, nil
}
