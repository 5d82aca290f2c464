package fetch

import (
	"context"
	"errors"
	"net"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"roomrelay/event"
)

// Request names what to read.
type Request struct {
	Topic     string
	Partition int32
	Offset    int64 // of the first record wanted
	// MaxBytes bounds the answer; one batch comes in any case, however large.
	MaxBytes int
	// MaxWait is how long the broker may wait for the first record. ctx must allow for more.
	MaxWait time.Duration
	// LeaderEpoch is the epoch of the partition's leader as the caller knows it; -1: not known. With an
	// older one than the broker's the answer is kafka.FencedLeaderEpoch.
	LeaderEpoch int32
}

// Response is an answer with records that aren't decoded yet.
type Response struct {
	HighWatermark int64 // first offset that isn't replicated yet
	LastStable    int64 // first offset of a transaction that hasn't ended yet
	LogStart      int64 // first offset that wasn't deleted yet
}

// Record is one record. Its memory is its own.
type Record struct {
	Offset  int64
	Time    time.Time // of the producer, or of the broker for a topic with message.timestamp.type=LogAppendTime
	Key     []byte    // nil when there is none
	Value   []byte    // nil: a tombstone, or Oversize is set
	Headers []event.Header
	// Oversize is the size of a value larger than Limits.MaxValue, which was passed over. 0 for every
	// other record.
	Oversize int
}

// Limits bound what is kept of one record.
type Limits struct {
	MaxValue int // bytes; 0: no limit
}

// Do sends one request to the partition's leader. An error that the broker answered with is, or wraps, a
// kafka.Error. The Response must be closed. ctx should have a deadline: kafka-go leaves the connection
// blocked after a mere cancellation.
func Do(ctx context.Context, transport kafka.RoundTripper, addr net.Addr, r Request) (*Response, error) {
	return nil, errors.New("not written yet")
}

// Records returns a cursor over the records from the requested offset on.
func (r *Response) Records(limits Limits) *Cursor { return &Cursor{} }

// Close gives the response's memory back. Its cursors are over; records that were read stay good.
func (r *Response) Close() {}

// Cursor decodes a Response record by record.
type Cursor struct{}

// Next returns the next record; ok is false at the end of the answer. An error (damaged or unknown data)
// is final; records before it are good, and Position is the offset of the batch that couldn't be read or,
// if records of it were, behind the last of these.
func (c *Cursor) Next() (r Record, ok bool, err error) { return Record{}, false, nil }

// Position is the offset to fetch next after what was read: behind the last record returned or, once a
// batch is read to its end, behind the batch, however much of it was compacted away.
func (c *Cursor) Position() int64 { return 0 }
