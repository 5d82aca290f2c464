package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/segmentio/kafka-go"

	"roomrelay/internal/fetch"
)

const (
	// scanBytes is asked for in one request: enough that a request costs nothing beside what it brings.
	scanBytes = 1 << 20
	// scanWait is how long a broker may hold a request that finds nothing: there is something to be found,
	// but for the end of a log whose last records were aborted.
	scanWait = 250 * time.Millisecond
)

// Scan calls each with the records of a partition from one offset up to, not including, another one, in order.
// What retention has taken meanwhile is passed over. A record's memory is its own. An error of each ends the
// scan and is returned as it is.
func (c *Client) Scan(ctx context.Context, topic string, partition int32, from, to int64, each func(*fetch.Record) error) error {
	var s scan
	for from < to {
		err := s.try(ctx, c, func(ctx context.Context) error {
			next, err := s.request(ctx, c, fetch.Request{
				Topic: topic, Partition: partition, Offset: from, MaxBytes: scanBytes, MaxWait: scanWait, LeaderEpoch: -1,
			}, to, each)
			switch {
			case s.failed != nil:
				return backoff.Permanent(s.failed)
			case errors.Is(err, kafka.OffsetOutOfRange):
				return c.passOver(ctx, topic, partition, &from)
			case err == nil && next == from && s.throttled == 0:
				return errNothing
			}
			from = next
			return err
		})
		switch {
		case s.failed != nil:
			return s.failed
		case err != nil:
			return fmt.Errorf("reading partition %d of topic %q at offset %d: %w", partition, topic, from, err)
		}
	}
	return nil
}

var errNothing = errors.New("the broker gives nothing, though the log goes on")

// scan is what the requests of a scan leave behind.
type scan struct {
	failed    error         // of each
	throttled time.Duration // for which the broker wants no further request
}

func (s *scan) request(ctx context.Context, c *Client, r fetch.Request, to int64, each func(*fetch.Record) error) (next int64, err error) {
	answer, err := fetch.Do(ctx, c.Transport, c.Addr, r)
	if err != nil {
		return r.Offset, err
	}
	defer answer.Close()
	s.throttled = answer.Throttled
	records := answer.Records(fetch.Limits{})
	for {
		x, ok, err := records.Next()
		if err != nil || !ok {
			return max(r.Offset, records.Position()), err
		}
		if x.Offset >= to {
			return to, nil
		}
		if s.failed = each(&x); s.failed != nil {
			return x.Offset, nil
		}
	}
}

// try makes tries of a request, not before the time that the broker named with the answer to the one before: it
// would leave it unanswered, and the tries would end.
func (s *scan) try(ctx context.Context, c *Client, request func(context.Context) error) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(s.throttled):
		s.throttled = 0
		return c.try(ctx, request)
	}
}

// passOver moves from to where the log begins now.
func (c *Client) passOver(ctx context.Context, topic string, partition int32, from *int64) error {
	ranges, err := c.Ranges(ctx, topic, []int32{partition})
	if err != nil {
		return err
	}
	if first := ranges[0].First; first > *from {
		*from = first
		return nil
	}
	return kafka.LeaderNotAvailable // in range for the leader of now: the answer was a lagging replica's
}

// someBytes is asked for where the records that are wanted stand far apart.
const someBytes = 64 << 10

// ScanSome is Scan for the records at the given offsets alone, which must ascend. Those that aren't there (any
// more) are passed over.
func (c *Client) ScanSome(ctx context.Context, topic string, partition int32, offsets []int64, each func(*fetch.Record) error) error {
	var s scan
	for len(offsets) > 0 {
		bytes := scanBytes
		if near := min(len(offsets)-1, 100); near == 0 || offsets[near]-offsets[0] > 1000 {
			bytes = someBytes
		}
		err := s.try(ctx, c, func(ctx context.Context) error {
			r := fetch.Request{Topic: topic, Partition: partition, Offset: offsets[0], MaxBytes: bytes, MaxWait: scanWait, LeaderEpoch: -1}
			next, err := s.request(ctx, c, r, offsets[len(offsets)-1]+1, func(x *fetch.Record) error {
				for len(offsets) > 0 && offsets[0] < x.Offset {
					offsets = offsets[1:]
				}
				if len(offsets) == 0 || offsets[0] != x.Offset {
					return nil
				}
				offsets = offsets[1:]
				return each(x)
			})
			switch {
			case s.failed != nil:
				return backoff.Permanent(s.failed)
			case errors.Is(err, kafka.OffsetOutOfRange):
				from := r.Offset
				if err := c.passOver(ctx, topic, partition, &from); err != nil {
					return err
				}
				next, err = from, nil
			case err == nil && next == r.Offset && s.throttled == 0:
				return errNothing
			}
			for len(offsets) > 0 && offsets[0] < next {
				offsets = offsets[1:]
			}
			return err
		})
		switch {
		case s.failed != nil:
			return s.failed
		case err != nil:
			return fmt.Errorf("reading partition %d of topic %q: %w", partition, topic, err)
		}
	}
	return nil
}

// Read is one record of a topic; nil: there is none at that offset (any more).
func (c *Client) Read(ctx context.Context, topic string, partition int32, offset int64) (found *fetch.Record, err error) {
	ranges, err := c.Ranges(ctx, topic, []int32{partition})
	if err != nil || offset < ranges[0].First || offset >= ranges[0].End {
		return nil, err
	}
	err = c.Scan(ctx, topic, partition, offset, offset+1, func(r *fetch.Record) error {
		found = r
		return nil
	})
	return found, err
}
