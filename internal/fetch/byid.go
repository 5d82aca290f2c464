package fetch

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// byID is Fetch in the version that names topics by their ids. With it, none is answered with records of another topic
// that bears the name by now.
type byID struct {
	*fetchRequest
	id       TopicID
	clientID string
}

// byIDResponse is the answer, as bytes.
type byIDResponse struct{ body, buffer []byte }

func (*byIDResponse) ApiKey() protocol.ApiKey { return protocol.Fetch } //nolint:revive // the name is that of protocol.Message

// Required implements protocol.RawExchanger.
func (*byID) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (r *byID) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	p := &r.Topics[0].Partitions[0]
	b := make([]byte, 0, 100)
	for _, x := range []int32{r.ReplicaID, r.MaxWaitTime, r.MinBytes, r.MaxBytes} {
		b = binary.BigEndian.AppendUint32(b, uint32(x))
	}
	b = append(b, byte(r.IsolationLevel))
	b = binary.BigEndian.AppendUint32(b, uint32(r.SessionID))
	b = binary.BigEndian.AppendUint32(b, uint32(r.SessionEpoch))
	b = append(b, 2) // one topic
	b = append(b, r.id[:]...)
	b = append(b, 2) // one partition
	b = binary.BigEndian.AppendUint32(b, uint32(p.Partition))
	b = binary.BigEndian.AppendUint32(b, uint32(p.CurrentLeaderEpoch))
	b = binary.BigEndian.AppendUint64(b, uint64(p.FetchOffset))
	b = binary.BigEndian.AppendUint32(b, 1<<32-1) // last fetched epoch: a follower's
	b = binary.BigEndian.AppendUint64(b, uint64(p.LogStartOffset))
	b = binary.BigEndian.AppendUint32(b, uint32(p.PartitionMaxBytes))
	b = append(b, noTags, noTags)
	b = append(b, 1) // none is forgotten
	b = appendCompact(b, r.RackID)
	b = append(b, noTags)
	answer, buffer, err := exchange(rw, protocol.Fetch, fetchByID, r.clientID, b)
	if err != nil {
		return nil, err
	}
	return &byIDResponse{answer, buffer}, nil
}

// parse reads the answer, whose layout is that of the Fetch response, version 13, in Kafka's protocol guide. It must be
// about the one partition that was asked for.
func (r *byIDResponse) parse(id TopicID, partition int32) (a partitionAnswer, err error) {
	f := fields{rest: r.body}
	a.throttled = min(max(0, time.Duration(f.int32())*time.Millisecond), throttledMost)
	if code := kafka.Error(f.int16()); code != 0 && f.err == nil {
		return a, named(code)
	}
	f.int32() // session: none
	switch n := f.count(); {
	case f.err != nil || n == 1:
	case n == 0 && a.throttled > 0:
		a.high, a.stable, a.start = -1, -1, -1
		return a, nil
	default:
		return a, fmt.Errorf("answer about %d topics", n)
	}
	if x := f.next(len(id)); f.err == nil && TopicID(x) != id {
		return a, fmt.Errorf("answer about topic %s", TopicID(x))
	}
	if n := f.count(); n != 1 && f.err == nil {
		return a, fmt.Errorf("answer about %d partitions", n)
	}
	if p := f.int32(); p != partition && f.err == nil {
		return a, fmt.Errorf("answer about partition %d", p)
	}
	code := kafka.Error(f.int16())
	a.high, a.stable, a.start = f.int64(), f.int64(), f.int64()
	a.aborted = f.abortedList(f.count(), true)
	f.int32() // preferred replica: without a rack it is none
	a.records = f.compact()
	if f.err != nil {
		return a, f.err
	}
	if code != 0 {
		return a, named(code)
	}
	return a, nil
}

// named gives errors that kafka-go doesn't know a name.
func named(code kafka.Error) error {
	switch code {
	case unknownTopicID, inconsistentTopicID:
		return fmt.Errorf("[%d] %w", int(code), ErrOtherTopic)
	}
	return code
}
