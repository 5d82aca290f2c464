package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"roomrelay/internal/audit"
	"roomrelay/internal/chat"
)

// producer publishes lines and notes where each of them stands.
type producer struct {
	client     *kafka.Client
	partitions []int
	balancer   kafka.Murmur2Balancer
	speed      float64
	refused    func(chat.Line) bool

	records atomic.Int64 // acknowledged so far
	total   atomic.Int64 // to be published; 0: not known yet
	done    atomic.Bool  // all is published

	mu     sync.Mutex // guards events
	events []audit.Event
}

const (
	// flushLines bounds a round of writes, flushEvery how long a line waits for one: a tick that nobody
	// sees, and few enough rounds that publishing costs the workers no CPU.
	flushLines = 1000
	flushEvery = 10 * time.Millisecond
)

// run publishes all lines at their time.
func (p *producer) run(ctx context.Context, lines iter.Seq2[chat.Line, error]) error {
	began := time.Now()
	var held []chat.Line
	flushAt := began
	for l, err := range lines {
		if err != nil {
			return fmt.Errorf("reading the input: %w", err)
		}
		due := began
		if p.speed > 0 {
			due = began.Add(time.Duration(float64(l.At) / p.speed))
		}
		if len(held) >= flushLines || len(held) > 0 && due.After(flushAt) {
			if err := p.publish(ctx, held); err != nil {
				return err
			}
			held = held[:0]
		}
		if !sleep(ctx, time.Until(due)) {
			return context.Cause(ctx)
		}
		if len(held) == 0 {
			flushAt = due.Add(flushEvery)
		}
		held = append(held, l)
	}
	if err := p.publish(ctx, held); err != nil {
		return err
	}
	p.total.Store(p.records.Load())
	p.done.Store(true)
	return nil
}

// sleep waits for d; false: ctx ended before that.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// publish writes lines to their partitions, at once and each in order.
func (p *producer) publish(ctx context.Context, lines []chat.Line) error {
	split := make([][]chat.Line, len(p.partitions))
	for _, l := range lines {
		n := p.balancer.Balance(kafka.Message{Key: l.Key}, p.partitions...)
		split[n] = append(split[n], l)
	}
	var writes sync.WaitGroup
	failed := make([]error, len(split))
	for n, own := range split {
		if len(own) > 0 {
			writes.Go(func() { failed[n] = p.write(ctx, n, own) })
		}
	}
	writes.Wait()
	return errors.Join(failed...)
}

func (p *producer) write(ctx context.Context, partition int, lines []chat.Line) error {
	for {
		records := make([]kafka.Record, len(lines))
		for i, l := range lines {
			records[i] = kafka.Record{Key: protocol.NewBytes(l.Key), Value: protocol.NewBytes(l.Value), Time: time.Now()}
		}
		answer, err := p.client.Produce(ctx, &kafka.ProduceRequest{
			Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(records...),
		})
		if err == nil {
			err = answer.Error
		}
		switch {
		case err == nil:
			p.note(partition, answer.BaseOffset, lines)
			return nil
		case !notWritten(err):
			// It may have been written: writing it again without a flag would publish it twice.
			return fmt.Errorf("publishing: %w", err)
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
}

// notWritten says that the broker certainly has nothing of the write: its partition has just moved.
func notWritten(err error) bool {
	return errors.Is(err, kafka.NotLeaderForPartition) || errors.Is(err, kafka.LeaderNotAvailable) ||
		errors.Is(err, kafka.UnknownTopicOrPartition) || errors.Is(err, protocol.ErrNoLeader)
}

func (p *producer) note(partition int, base int64, lines []chat.Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, l := range lines {
		p.events = append(p.events, audit.Event{
			Room: l.Room, Sender: l.Sender, MsgID: l.MsgID, Partition: int32(partition), Offset: base + int64(i),
			Valid: l.Valid, Refused: p.refused(l),
		})
	}
	p.records.Add(int64(len(lines)))
}

// published is all that is noted. The producer must have ended.
func (p *producer) published() []audit.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events
}
