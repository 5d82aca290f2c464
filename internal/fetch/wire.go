package fetch

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

func init() { protocol.Register(&fetchRequest{}, &fetchResponse{}) }

// fetchRequest is Fetch in the versions that every broker since 1.0 and up to 4.x knows one of; 4 is the
// first with record batches and transactions (KIP-98). byID is a later one.
type fetchRequest struct {
	ReplicaID       int32            `kafka:"min=v4,max=v11"`
	MaxWaitTime     int32            `kafka:"min=v4,max=v11"`
	MinBytes        int32            `kafka:"min=v4,max=v11"`
	MaxBytes        int32            `kafka:"min=v4,max=v11"`
	IsolationLevel  int8             `kafka:"min=v4,max=v11"`
	SessionID       int32            `kafka:"min=v7,max=v11"`
	SessionEpoch    int32            `kafka:"min=v7,max=v11"`
	Topics          []requestTopic   `kafka:"min=v4,max=v11"`
	ForgottenTopics []forgottenTopic `kafka:"min=v7,max=v11"`
	RackID          string           `kafka:"min=v11,max=v11"`
}

type requestTopic struct {
	Topic      string             `kafka:"min=v4,max=v11"`
	Partitions []requestPartition `kafka:"min=v4,max=v11"`
}

type requestPartition struct {
	Partition          int32 `kafka:"min=v4,max=v11"`
	CurrentLeaderEpoch int32 `kafka:"min=v9,max=v11"`
	FetchOffset        int64 `kafka:"min=v4,max=v11"`
	LogStartOffset     int64 `kafka:"min=v5,max=v11"`
	PartitionMaxBytes  int32 `kafka:"min=v4,max=v11"`
}

type forgottenTopic struct {
	Topic      string  `kafka:"min=v7,max=v11"`
	Partitions []int32 `kafka:"min=v7,max=v11"`
}

func (r *fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive // the name is that of protocol.Message

// Broker sends the request to the partition's leader. The errors come up when the transport's metadata
// lacks it, also because no broker could be asked.
func (r *fetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	return leader(cluster, r.Topics[0].Topic, r.Topics[0].Partitions[0].Partition)
}

func leader(cluster protocol.Cluster, topic string, partition int32) (protocol.Broker, error) {
	p, ok := cluster.Topics[topic].Partitions[partition]
	if !ok {
		return protocol.Broker{ID: -1}, kafka.UnknownTopicOrPartition
	}
	b, ok := cluster.Brokers[p.Leader]
	if !ok {
		return protocol.Broker{ID: -1}, kafka.LeaderNotAvailable
	}
	return b, nil
}

// fetchResponse keeps the answer as bytes. kafka-go would make room for as many topics and partitions as
// the broker says follow, 2^31 too. What it doesn't tell is the answer's version; that is seen from the
// fields that it passed.
type fetchResponse struct {
	Since5  mark `kafka:"min=v5,max=v11"`
	Since7  mark `kafka:"min=v7,max=v11"`
	Since11 mark `kafka:"min=v11,max=v11"`
	Body    body `kafka:"min=v4,max=v11"`
}

func (r *fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive // the name is that of protocol.Message

// mark is a field without bytes.
type mark bool

// ReadFrom implements io.ReaderFrom, which kafka-go decodes fields with.
func (m *mark) ReadFrom(io.Reader) (int64, error) {
	*m = true
	return 0, nil
}

// body is what is left of the answer.
type body []byte

// ReadFrom implements io.ReaderFrom. The buffer grows with what arrives, not with what was promised.
func (b *body) ReadFrom(r io.Reader) (int64, error) {
	buf := takeBuffer()
	for {
		buf = slices.Grow(buf, 1)
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case errors.Is(err, io.EOF): // a broken connection too: then the lengths inside don't hold
			*b = buf
			return int64(len(buf)), nil
		case err != nil:
			returnBuffer(buf)
			return 0, err
		}
	}
}

// aborted is a transaction that was aborted.
type aborted struct{ producer, first int64 }

// partitionAnswer is what the answer says of the one partition.
type partitionAnswer struct {
	throttled           time.Duration
	high, stable, start int64
	aborted             []aborted
	records             []byte
}

// throttledMost bounds the wait that a broker may ask for. Kafka asks for no more than the time that its
// quotas are reckoned over, 11 s unless it was told otherwise (quota.window.num).
const throttledMost = 30 * time.Second

// parse reads the answer, whose layout is that of the Fetch response, version 4 to 11, in Kafka's protocol
// guide. It must be about the one partition that was asked for.
func (r *fetchResponse) parse(topic string, partition int32) (a partitionAnswer, err error) {
	f := fields{rest: r.Body}
	a.throttled = min(max(0, time.Duration(f.int32())*time.Millisecond), throttledMost)
	if r.Since7 {
		if code := kafka.Error(f.int16()); code != 0 && f.err == nil {
			return a, code
		}
		f.int32() // session: none
	}
	switch n := f.int32(); {
	case f.err != nil || n == 1:
	case n == 0 && a.throttled > 0:
		a.high, a.stable, a.start = -1, -1, -1
		return a, nil
	default:
		return a, fmt.Errorf("answer about %d topics", n)
	}
	if name := f.string(); name != topic && f.err == nil {
		return a, fmt.Errorf("answer about topic %q", name)
	}
	if n := f.int32(); n != 1 && f.err == nil {
		return a, fmt.Errorf("answer about %d partitions", n)
	}
	if p := f.int32(); p != partition && f.err == nil {
		return a, fmt.Errorf("answer about partition %d", p)
	}
	code := kafka.Error(f.int16())
	a.high, a.stable, a.start = f.int64(), f.int64(), -1
	if r.Since5 {
		a.start = f.int64()
	}
	a.aborted = f.abortedList(int(f.int32()), false)
	if r.Since11 {
		f.int32() // preferred replica: without a rack it is none
	}
	a.records = f.bytes()
	if f.err != nil {
		return a, f.err
	}
	if code != 0 {
		return a, code
	}
	return a, nil
}

func (f *fields) abortedList(n int, tagged bool) []aborted {
	if n > len(f.rest)/16 { // two numbers each
		f.fail()
	}
	if n <= 0 || f.err != nil {
		return nil
	}
	list := make([]aborted, n)
	for i := range list {
		list[i] = aborted{producer: f.int64(), first: f.int64()}
		if tagged {
			f.tags()
		}
	}
	// The broker sends them in this order, but for those that it took from several segments.
	slices.SortFunc(list, func(a, b aborted) int { return cmpInt64(a.first, b.first) })
	return list
}
