package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/event"
)

// Message is a record to be appended. A nil Key or Value is null.
type Message struct {
	Key, Value []byte
	Headers    []event.Header
}

func (m *Message) record(now time.Time) kafka.Record {
	r := kafka.Record{Time: now}
	if m.Key != nil {
		r.Key = kafka.NewBytes(m.Key)
	}
	if m.Value != nil {
		r.Value = kafka.NewBytes(m.Value)
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	return r
}

// Append writes messages to a partition in one batch, and says where the first one stands; the others follow
// it. The end of ctx ends the trying and not a try, so that what it returns is what is known: with an error,
// the messages may stand there all the same.
func (c *Client) Append(ctx context.Context, topic string, partition int32, messages []Message) (base int64, err error) {
	var throttled time.Duration
	err = c.try(ctx, func(try context.Context) error {
		now := time.Now()
		records := make([]kafka.Record, len(messages)) // read up by each try
		for i := range messages {
			records[i] = messages[i].record(now)
		}
		whole, cancel := context.WithTimeout(context.WithoutCancel(try), tryFor)
		defer cancel()
		answer, err := c.client().Produce(whole, &kafka.ProduceRequest{
			Topic: topic, Partition: int(partition), RequiredAcks: kafka.RequireAll, Compression: kafka.Snappy,
			Records: kafka.NewRecordReader(records...),
		})
		if err == nil {
			err = answer.Error
		}
		if err != nil {
			return err
		}
		base, throttled = answer.BaseOffset, answer.Throttle
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("writing to partition %d of topic %q: %w", partition, topic, err)
	}
	// The broker leaves a request that comes before unread (KIP-219): it would count as unanswered, and its messages
	// would be written again.
	select {
	case <-ctx.Done():
	case <-time.After(throttled):
	}
	return base, nil
}

// TooLarge says that Append failed since the topic doesn't take so much in one batch.
func TooLarge(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge)
}

// Denied says that an error is the want of a permission.
func Denied(err error) bool {
	return errors.Is(err, kafka.TopicAuthorizationFailed) || errors.Is(err, kafka.GroupAuthorizationFailed) ||
		errors.Is(err, kafka.ClusterAuthorizationFailed)
}
