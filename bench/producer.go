package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/bench/internal/figures"
	"roomrelay/bench/internal/traffic"
)

// producerConfig says what to publish and when.
type producerConfig struct {
	Brokers []string      `json:"brokers"`
	Topic   string        `json:"topic"`
	Shape   traffic.Shape `json:"shape"`
	Begin   int64         `json:"begin"` // in nanoseconds since 1970; a message is published at its time after that
}

// produced is what a producer says at its end.
type produced struct {
	Took time.Duration     `json:"took"` // from the first message to the last acknowledgement
	Late figures.Quantiles `json:"late"` // from when a message was to be handed to the client until it was
}

// tick is how often a producer looks what is to be published: each look costs a request for each partition.
const tick = time.Millisecond

// playProducer publishes each message at its time, with a client that isn't the worker's.
func playProducer(ctx context.Context, config []byte, say *json.Encoder) error {
	cfg, err := decode[producerConfig](config)
	if err != nil {
		return err
	}
	messages, err := cfg.Shape.All()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(cfg.Brokers...), kgo.DefaultProduceTopic(cfg.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.MaxBufferedRecords(1<<17),
	)
	if err != nil {
		return fmt.Errorf("making a producer: %w", err)
	}
	defer client.Close()
	// Before the time begins: the first message would wait for it.
	if err := client.Ping(ctx); err != nil {
		return fmt.Errorf("asking the broker: %w", err)
	}
	done, err := publish(ctx, client, messages, time.Unix(0, cfg.Begin))
	if err != nil {
		return err
	}
	return say.Encode(done)
}

func publish(ctx context.Context, client *kgo.Client, messages []traffic.Message, begin time.Time) (produced, error) {
	var failed atomic.Pointer[error]
	told := func(_ *kgo.Record, err error) {
		if err != nil {
			failed.CompareAndSwap(nil, &err)
		}
	}
	late := make([]time.Duration, 0, len(messages))
	first := time.Now()
	for i := range messages {
		m := &messages[i]
		due := begin.Add(m.At)
		for now := time.Now(); now.Before(due); now = time.Now() {
			select {
			case <-time.After(max(due.Sub(now), tick)):
			case <-ctx.Done():
				return produced{}, context.Cause(ctx)
			}
		}
		late = append(late, time.Since(due))
		client.Produce(ctx, &kgo.Record{Partition: m.Partition, Key: m.Key, Value: m.Value}, told)
	}
	if err := client.Flush(ctx); err != nil {
		return produced{}, fmt.Errorf("waiting for acknowledgements: %w", err)
	}
	if err := failed.Load(); err != nil {
		return produced{}, fmt.Errorf("publishing: %w", *err)
	}
	return produced{Took: time.Since(first), Late: figures.QuantilesOf(late)}, nil
}
