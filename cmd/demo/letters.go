package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/internal/audit"
)

// readLetters reads the whole dead-letter topic. Two copies of a letter are two.
func readLetters(ctx context.Context, addr string, partitions int) ([]audit.Letter, error) {
	var all []audit.Letter
	for n := range partitions {
		some, err := lettersOf(ctx, addr, n)
		if err != nil {
			return nil, fmt.Errorf("reading partition %d of %s: %w", n, letterTopic, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

func lettersOf(ctx context.Context, addr string, partition int) ([]audit.Letter, error) {
	conn, err := kafka.DialLeader(ctx, "tcp", addr, letterTopic, partition)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, err
	}
	end, err := conn.ReadLastOffset()
	if err != nil {
		return nil, err
	}
	var all []audit.Letter
	for next := int64(0); next < end; {
		if _, err := conn.Seek(next, kafka.SeekAbsolute|kafka.SeekDontCheck); err != nil {
			return nil, err
		}
		batch := conn.ReadBatch(1, 8<<20)
		for {
			m, err := batch.ReadMessage()
			if err != nil {
				if errors.Is(err, io.EOF) {
					break
				}
				return nil, err
			}
			l, err := letterOf(m)
			if err != nil {
				return nil, err
			}
			all, next = append(all, l), m.Offset+1
		}
		if err := batch.Close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// letterOf takes a letter's event from its headers.
func letterOf(m kafka.Message) (audit.Letter, error) {
	headers := map[string]string{}
	for _, h := range m.Headers {
		headers[h.Key] = string(h.Value)
	}
	partition, err := strconv.ParseInt(headers["__dlq.errors.partition"], 10, 32)
	if err != nil {
		return audit.Letter{}, fmt.Errorf("the letter at offset %d doesn't say its event's partition: %w", m.Offset, err)
	}
	offset, err := strconv.ParseInt(headers["__dlq.errors.offset"], 10, 64)
	if err != nil {
		return audit.Letter{}, fmt.Errorf("the letter at offset %d doesn't say its event's offset: %w", m.Offset, err)
	}
	return audit.Letter{Partition: int32(partition), Offset: offset, Reason: headers["roomrelay.reason"]}, nil
}
