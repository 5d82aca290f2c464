package chaos

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/deadletter"
	"roomrelay/internal/world"
)

// letter is one record of the dead-letter topic, or one that an operator made of it.
type letter struct {
	at        time.Time // when it was read
	partition int32
	key       []byte
	value     []byte
	headers   map[string]string
	record    *record // whose letter it is; nil if it names a place where nothing stands
}

func (x *letter) reason() string  { return x.headers["roomrelay.reason"] }
func (x *letter) outcome() string { return x.headers["roomrelay.outcome"] }

// first is where the event first stood, and replays how often the letter had been replayed, as its headers say.
func (x *letter) first() (at place, replays int) {
	partition, _ := strconv.ParseInt(x.headers[deadletter.HeaderFirstPartition], 10, 32)
	offset, _ := strconv.ParseInt(x.headers[deadletter.HeaderFirstOffset], 10, 64)
	replays, _ = strconv.Atoi(x.headers[deadletter.HeaderReplays])
	return place{int32(partition), offset}, replays
}

// failedAt is when the worker gave it up, as it says itself.
func (x *letter) failedAt() time.Time {
	at, _ := time.Parse(time.RFC3339, x.headers["roomrelay.failed-at"])
	return at
}

// letterbook is the dead-letter topic, as far as it has been read.
type letterbook struct {
	next []int64 // by partition
	all  []*letter
	mark []*letter // what operators wrote beside them
}

func newLetterbook(partitions int) letterbook { return letterbook{next: make([]int64, partitions)} }

// read reads what is new. j.mu is held.
func (b *letterbook) read(j *judge) {
	j.catchUp()
	for p := range b.next {
		for b.next[p] < j.run.Cluster.PartitionInfo(world.Letters, int32(p)).HighWatermark {
			records, err := j.run.fetch(world.Letters, int32(p), b.next[p])
			if err != nil || len(records) == 0 {
				j.run.T.Errorf("reading letters of partition %d at %d: %d, %v", p, b.next[p], len(records), err)
				return
			}
			for _, x := range records {
				x.partition = int32(p)
				b.enter(j, x)
			}
			b.next[p] += int64(len(records))
		}
	}
}

func (b *letterbook) enter(j *judge, x *letter) {
	switch {
	case x.headers[deadletter.HeaderCheckpoint] != "":
		return
	case x.headers[deadletter.HeaderMark] != "":
		b.mark = append(b.mark, x)
		return
	}
	b.all = append(b.all, x)
	partition, err1 := strconv.ParseInt(x.headers["__dlq.errors.partition"], 10, 32)
	offset, err2 := strconv.ParseInt(x.headers["__dlq.errors.offset"], 10, 64)
	if err1 == nil && err2 == nil {
		x.record = j.books.at(place{int32(partition), offset})
	}
	if x.record == nil {
		j.blame("I4", "", "a letter names a place where nothing stands: %v", x.headers)
		return
	}
	x.record.lettered = true
	j.weigh(x)
}

// judges is the most bytes that the judge asks for, by which its requests are known: no fault is meant for them.
const judges = 4<<20 + 1

// fetch reads records of a topic from an offset on, all that one answer brings.
func (r *Run) fetch(topic string, partition int32, offset int64) ([]*letter, error) {
	q := kmsg.NewPtrFetchRequest()
	q.Version, q.ReplicaID, q.MaxBytes, q.SessionEpoch = 11, -1, judges, -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = topic
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = partition, offset, 4<<20, -1
	t.Partitions = append(t.Partitions, p)
	q.Topics = append(q.Topics, t)
	answer, err := r.Ask(r.Cluster.LeaderFor(topic, partition), q)
	if err != nil {
		return nil, err
	}
	var all []*letter
	for _, t := range answer.(*kmsg.FetchResponse).Topics {
		for _, p := range t.Partitions {
			if all, err = lettersIn(p.RecordBatches, offset); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// lettersIn reads record batches. What stands before from comes with the first of them.
func lettersIn(batches []byte, from int64) (all []*letter, err error) {
	sized := binary.BigEndian.AppendUint32(nil, uint32(len(batches)))
	set := protocol.RecordSet{}
	if _, err := set.ReadFrom(bytes.NewReader(append(sized, batches...))); err != nil {
		return nil, err
	}
	for {
		record, err := set.Records.ReadRecord()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if record.Offset < from {
			continue
		}
		x := &letter{at: time.Now(), headers: map[string]string{}}
		if record.Key != nil {
			x.key, _ = protocol.ReadAll(record.Key)
		}
		if record.Value != nil {
			x.value, _ = protocol.ReadAll(record.Value)
		}
		for _, h := range record.Headers {
			x.headers[h.Key] = string(h.Value)
		}
		all = append(all, x)
	}
}
