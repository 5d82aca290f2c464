package cluster

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describegroups"

	"roomrelay/internal/commits"
)

// Commits are a group's of a topic, by partition. A partition without one is left out.
func (c *Client) Commits(ctx context.Context, group, topic string, partitions []int32) (found map[int32]commits.Commit, err error) {
	source := commits.Source{Transport: c.Transport, Addr: c.Addr, Group: group}
	err = c.try(ctx, func(ctx context.Context) error {
		found, err = source.Read(ctx, topic, partitions...)
		if errors.Is(err, kafka.GroupIdNotFound) { // nobody has joined it yet
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the commits of group %q: %w", group, err)
	}
	return found, nil
}

// Members says how many members a group has now, and in which state it is, in Kafka's words.
func (c *Client) Members(ctx context.Context, group string) (n int, state string, err error) {
	err = c.try(ctx, func(ctx context.Context) error {
		// Raw, since kafka-go's own call decodes what members have written of themselves, and knows one
		// version of that only.
		m, err := c.Transport.RoundTrip(ctx, c.Addr, &describegroups.Request{Groups: []string{group}})
		if err != nil {
			return err
		}
		answer, ok := m.(*describegroups.Response)
		if !ok || len(answer.Groups) != 1 {
			return fmt.Errorf("unexpected answer %T", m)
		}
		if code := kafka.Error(answer.Groups[0].ErrorCode); code != 0 {
			return code
		}
		n, state = len(answer.Groups[0].Members), answer.Groups[0].GroupState
		return nil
	})
	if err != nil {
		return 0, "", fmt.Errorf("looking at group %q: %w", group, err)
	}
	return n, state, nil
}
