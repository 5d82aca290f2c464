package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/internal/fetch"
)

// readingConfig is of limit (b).
type readingConfig struct {
	Brokers    []string `json:"brokers"`
	Topic      string   `json:"topic"`
	Partitions int      `json:"partitions"`
	Messages   int      `json:"messages"` // that are on the topic
}

// playReading is limit (b): the worker's fetch path alone, a goroutine a partition as there, from the beginning
// to the end of the topic.
func playReading(ctx context.Context, config []byte, say *json.Encoder) error {
	cfg, err := decode[readingConfig](config)
	if err != nil {
		return err
	}
	transport := &kafka.Transport{ClientID: "bench", MetadataTopics: []string{cfg.Topic}}
	defer transport.CloseIdleConnections()
	before, began := processCPU(), time.Now()
	var group sync.WaitGroup
	counts, failures := make([]int, cfg.Partitions), make([]error, cfg.Partitions)
	for p := range cfg.Partitions {
		group.Go(func() { counts[p], failures[p] = readThrough(ctx, transport, &cfg, int32(p)) })
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if sum != cfg.Messages {
		return fmt.Errorf("read %d messages of %d", sum, cfg.Messages)
	}
	return say.Encode(spent{Messages: sum, Took: time.Since(began), CPU: processCPU() - before})
}

// readThrough reads a partition to its end, with the bounds that a worker has for eight partitions and more.
func readThrough(ctx context.Context, transport *kafka.Transport, cfg *readingConfig, partition int32) (n int, err error) {
	for offset, end := int64(0), int64(1); offset < end; {
		answer, err := fetch.Do(ctx, transport, kafka.TCP(cfg.Brokers...), fetch.Request{
			Topic: cfg.Topic, Partition: partition, Offset: offset, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond, LeaderEpoch: -1,
		})
		if err != nil {
			return n, fmt.Errorf("fetching partition %d at %d: %w", partition, offset, err)
		}
		end = answer.HighWatermark
		records := answer.Records(fetch.Limits{})
		for {
			_, ok, err := records.Next()
			if err != nil {
				answer.Close()
				return n, fmt.Errorf("reading partition %d at %d: %w", partition, records.Position(), err)
			}
			if !ok {
				break
			}
			n++
		}
		offset = records.Position()
		answer.Close()
	}
	return n, nil
}
