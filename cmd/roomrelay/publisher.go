package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"

	"roomrelay/internal/chat"
	"roomrelay/internal/config"
)

// requestTimeout bounds one request to Kafka. The broker is told half of it: a replica that died holds a
// write up for 6 to 9 s.
const requestTimeout = 30 * time.Second

// tryFor is how long a write that fails is tried again before the command ends: a broker's restart is over by then.
const tryFor = time.Minute

func client(s *config.Settings, transport *kafka.Transport) *kafka.Client {
	return &kafka.Client{Addr: s.Addr(), Transport: transport, Timeout: requestTimeout}
}

// publisher writes lines to a topic, in order by partition, acknowledged by all in-sync replicas. It does so
// itself since kafka-go's Writer can't be stopped while it retries.
type publisher struct {
	topic      string
	client     *kafka.Client
	tell       func(format string, args ...any)
	partitions []int
	balancer   kafka.Murmur2Balancer // as Java's producer spreads keys

	written int64 // acknowledged events
}

// begin finds the topic's partitions.
func (p *publisher) begin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	answer, err := p.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{p.topic}})
	switch {
	case err != nil:
		return fmt.Errorf("reaching Kafka at %s: %s", p.client.Addr, explainKafka(err))
	case len(answer.Topics) == 0 || errors.Is(answer.Topics[0].Error, kafka.UnknownTopicOrPartition):
		return fmt.Errorf("topic %q doesn't exist: create it first", p.topic)
	case answer.Topics[0].Error != nil:
		return fmt.Errorf("looking for topic %q: %w", p.topic, answer.Topics[0].Error)
	}
	for _, x := range answer.Topics[0].Partitions {
		p.partitions = append(p.partitions, x.ID)
	}
	return nil
}

// send writes lines, each partition's in order and all partitions at once. left counts those that the
// broker refused as too large, which are told.
func (p *publisher) send(ctx context.Context, lines []chat.Line) (left int, err error) {
	by := map[int][]chat.Line{}
	for _, l := range lines {
		at := p.balancer.Balance(kafka.Message{Key: l.Key}, p.partitions...)
		by[at] = append(by[at], l)
	}
	var all sync.WaitGroup
	var refused, written atomic.Int64
	errs := make([]error, 0, len(by))
	var mu sync.Mutex // of errs
	for partition, mine := range by {
		all.Go(func() {
			n, err := p.sendTo(ctx, partition, mine, &refused)
			written.Add(int64(n))
			if err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	p.written += written.Load()
	if len(errs) > 0 {
		err = errs[0] // what is wrong with Kafka is wrong for all
	}
	return int(refused.Load()), err
}

func (p *publisher) sendTo(ctx context.Context, partition int, lines []chat.Line, refused *atomic.Int64) (written int, err error) {
	switch err := p.write(ctx, partition, lines); {
	case err == nil:
		return len(lines), nil
	case !errors.Is(err, kafka.MessageSizeTooLarge) && !errors.Is(err, kafka.RecordListTooLarge):
		return 0, err
	case len(lines) == 1:
		refused.Add(1)
		p.tell("line %d: %d bytes are more than the topic takes; left out", lines[0].Number, len(lines[0].Value))
		return 0, nil
	}
	half := len(lines) / 2
	for _, part := range [][]chat.Line{lines[:half], lines[half:]} {
		n, err := p.sendTo(ctx, partition, part, refused)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// write makes one batch's tries. The end of ctx ends the trying, not a try: so what counts as written is
// what was.
func (p *publisher) write(ctx context.Context, partition int, lines []chat.Line) error {
	try := func() error {
		records := make([]kafka.Record, len(lines))
		for i, l := range lines {
			records[i] = kafka.Record{Key: kafka.NewBytes(l.Key), Value: kafka.NewBytes(l.Value), Time: time.Now()}
		}
		answer, err := p.client.Produce(context.WithoutCancel(ctx), &kafka.ProduceRequest{
			Topic: p.topic, Partition: partition, RequiredAcks: kafka.RequireAll, Compression: kafka.Snappy,
			Records: kafka.NewRecordReader(records...),
		})
		if err == nil {
			err = answer.Error
		}
		if code, ok := errors.AsType[kafka.Error](err); ok && !code.Temporary() {
			return backoff.Permanent(err)
		}
		return err
	}
	retry := backoff.NewExponentialBackOff(backoff.WithInitialInterval(100*time.Millisecond), backoff.WithMaxInterval(5*time.Second), backoff.WithMaxElapsedTime(tryFor))
	err := backoff.RetryNotify(try, backoff.WithContext(retry, ctx), func(err error, _ time.Duration) {
		p.tell("writing to partition %d: %v; trying again", partition, err)
	})
	if err != nil {
		return fmt.Errorf("writing lines %d to %d: %w", lines[0].Number, lines[len(lines)-1].Number, err)
	}
	return nil
}
