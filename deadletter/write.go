package deadletter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
)

// codec: measured on 500 letters of chat, gzip leaves 8 KiB in no more time than lz4 and snappy take to leave
// 14 and 24; zstd leaves 5, for half as much time again and tens of megabytes of buffers. Every broker and
// client reads gzip.
const codec = kafka.Gzip

// throttleMost bounds the wait that a broker may ask for. Kafka asks for no more than the time that its quotas
// are reckoned over, 11 s unless it was told otherwise (quota.window.num).
const throttleMost = 30 * time.Second

// write makes one try to write letters of a source partition. nil: all of them are acknowledged, and the broker
// wants no further request for the time returned, since a quota is used up (KIP-219).
func (w *Writer) write(ctx context.Context, source int32, batch []*envelope) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.RequestTimeout)
	defer cancel()
	count, err := w.partitions(ctx)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	records := make([]kafka.Record, len(batch))
	for i, e := range batch {
		records[i] = e.record(&w.cfg, now)
	}
	answer, err := w.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: w.cfg.Topic, Partition: int(source) % count, RequiredAcks: kafka.RequireAll,
		Compression: codec, Records: kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = answer.Error
	}
	if err != nil {
		return 0, explain(err)
	}
	return min(answer.Throttle, throttleMost), nil
}

// record is what the broker gets. It is made anew for each try, since it is read up by one.
func (e *envelope) record(cfg *Config, now time.Time) kafka.Record {
	l := e.letter
	r := kafka.Record{Time: now, Key: kafka.NewBytes(l.Record.Key), Headers: l.headers(cfg.SourceTopic, cfg.Group, e.form)}
	if e.form == bare {
		r.Key = nil
	}
	value := []byte{}
	if e.form == whole {
		value = l.value()
	}
	r.Value = kafka.NewBytes(value)
	return r
}

var errMissing = errors.New("it doesn't exist; create it with cleanup.policy=delete")

// partitions is how many the topic has. The Transport answers from its cache, which it keeps fresh, so that
// asking before each try costs nothing and sees an added partition.
func (w *Writer) partitions(ctx context.Context) (int, error) {
	answer, err := w.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{w.cfg.Topic}})
	if err != nil {
		return 0, fmt.Errorf("reading its metadata: %w", err)
	}
	if len(answer.Topics) != 1 {
		return 0, errMissing
	}
	topic := &answer.Topics[0]
	switch {
	case len(topic.Partitions) > 0: // with an error, too, such as a partition without leader
		return len(topic.Partitions), nil
	case topic.Error == nil || errors.Is(topic.Error, kafka.UnknownTopicOrPartition):
		return 0, errMissing
	default:
		return 0, fmt.Errorf("reading its metadata: %w", topic.Error)
	}
}

// tooLarge says that the broker doesn't take so much in one record batch.
func tooLarge(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge)
}

// ofOne says that the broker has something against one record at least, and perhaps not against others. The
// request as a whole was refused, without writing any of it.
func ofOne(err error) bool {
	return tooLarge(err) || errors.Is(err, kafka.InvalidRecord)
}

// explain adds what an operator can do.
func explain(err error) error {
	switch {
	case errors.Is(err, kafka.InvalidRecord):
		return fmt.Errorf("%w (its cleanup.policy must be delete: a compacted topic takes no record without key)", err)
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		return fmt.Errorf("%w (the worker's user needs WRITE and DESCRIBE on it)", err)
	case tooLarge(err):
		return fmt.Errorf("%w (even without the value: raise its max.message.bytes)", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer in time: %w", err)
	}
	return err
}
