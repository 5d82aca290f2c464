package fetch

import (
	"context"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	kafka "github.com/segmentio/kafka-go"
)

// Request names what to read.
type Request struct {
	Topic string
	// ID makes the answer be of this topic, or ErrOtherTopic; zero: whatever topic bears the name. Brokers must
	// know of it: see KnowsIDs.
	ID        TopicID
	ClientID  string // sent with ID; kafka-go sends its Transport's otherwise
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
	LogStart      int64 // first offset that wasn't deleted yet; -1: the broker doesn't tell
	// Throttled is how long the broker wants no further request, since a quota is used up (KIP-219): it
	// leaves one that comes earlier unread until then. Where it holds the records back too, there are none,
	// and the offsets above are -1.
	Throttled time.Duration

	buffer []byte
	cursor Cursor
}

// readCommitted makes the broker hold back what belongs to a transaction that hasn't ended, and name the
// aborted ones.
const readCommitted = 1

// Do sends one request to the partition's leader. An error that the broker answered with is, or wraps, a
// kafka.Error, or ErrOtherTopic; so are kafka.UnknownTopicOrPartition and kafka.LeaderNotAvailable where no leader is known.
// The Response must be closed. ctx should have a deadline: kafka-go leaves the connection blocked after a
// mere cancellation.
func Do(ctx context.Context, transport kafka.RoundTripper, addr net.Addr, r Request) (*Response, error) {
	maxBytes := int32(min(r.MaxBytes, math.MaxInt32))
	q := &fetchRequest{
		ReplicaID:      -1,
		MaxWaitTime:    int32(min(r.MaxWait.Milliseconds(), math.MaxInt32)),
		MinBytes:       1,
		MaxBytes:       maxBytes,
		IsolationLevel: readCommitted,
		SessionEpoch:   -1,
		Topics: []requestTopic{{
			Topic: r.Topic,
			Partitions: []requestPartition{{
				Partition:          r.Partition,
				CurrentLeaderEpoch: r.LeaderEpoch,
				FetchOffset:        r.Offset,
				LogStartOffset:     -1,
				PartitionMaxBytes:  maxBytes,
			}},
		}},
	}
	var m kafka.Request = q
	if r.ID != (TopicID{}) {
		m = &byID{fetchRequest: q, id: r.ID, clientID: r.ClientID}
	}
	got, err := transport.RoundTrip(ctx, addr, m)
	if err != nil {
		return nil, err
	}
	var a partitionAnswer
	var buffer []byte
	switch answer := got.(type) {
	case *fetchResponse:
		buffer = answer.Body
		a, err = answer.parse(r.Topic, r.Partition)
	case *byIDResponse:
		buffer = answer.buffer
		a, err = answer.parse(r.ID, r.Partition)
	default:
		return nil, fmt.Errorf("unexpected answer %T", got)
	}
	if err != nil {
		returnBuffer(buffer)
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	return &Response{
		HighWatermark: a.high, LastStable: a.stable, LogStart: a.start, Throttled: a.throttled,
		buffer: buffer,
		cursor: Cursor{rest: a.records, position: r.Offset, wanted: r.Offset, aborted: a.aborted},
	}, nil
}

// Records returns the cursor over the records from the requested offset on. It is to be called once.
func (r *Response) Records(limits Limits) *Cursor {
	r.cursor.limit = math.MaxInt32
	if limits.MaxValue > 0 {
		r.cursor.limit = min(limits.MaxValue, math.MaxInt32)
	}
	return &r.cursor
}

// Close gives the response's memory back. Its cursor is at its end; records that were read stay good.
func (r *Response) Close() {
	r.cursor.close()
	returnBuffer(r.buffer)
	r.buffer = nil
}

// Buffers up to keepBuffer are kept for later answers: the consumer asks for at most 1 MiB, and the rest
// is for the answer's head. Larger ones hold a batch above what was asked for, which is rare.
const keepBuffer = 1<<20 + 64<<10

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 64<<10); return &b }}

func takeBuffer() []byte { return (*buffers.Get().(*[]byte))[:0] }

func returnBuffer(b []byte) {
	if b != nil && cap(b) <= keepBuffer {
		buffers.Put(&b)
	}
}
