package fetch

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// batchHead is the head of a record batch, version 2, as Kafka's documentation of the message format has
// it. The bytes before the magic are the same in the older versions.
type batchHead struct {
	base       int64
	last       int64 // offset of the last record that the batch ever had
	epoch      int32 // of the leader that wrote it
	attributes int16
	first, max int64 // timestamps in ms
	producer   int64
	count      int32
	records    []byte // still compressed
}

const (
	lengthEnd  = 12 // base offset and length
	checkedAt  = 21 // what the checksum covers begins here
	headLength = 61

	compression   = 7 // bits of the attributes
	logAppendTime = 1 << 3
	transactional = 1 << 4
	control       = 1 << 5
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var (
	errChecksum = errors.New("checksum doesn't match")
	errDamaged  = errors.New("damaged record batch")
)

// cutBatch takes the first batch off data. ok is false at the end of data, or at a batch that the answer
// had no room for.
func cutBatch(data []byte) (batch, rest []byte, ok bool, err error) {
	if len(data) < lengthEnd {
		return nil, nil, false, nil
	}
	f := fields{rest: data[8:]}
	length := f.int32()
	if length < headLength-lengthEnd-35 { // the shortest message of the old versions is 14 bytes
		return nil, nil, false, fmt.Errorf("%w: length %d", errDamaged, length)
	}
	if int(length) > len(f.rest) {
		return nil, nil, false, nil
	}
	end := lengthEnd + int(length)
	return data[:end], data[end:], true, nil
}

// readHead reads and checks a whole batch.
func readHead(batch []byte) (h batchHead, err error) {
	f := fields{rest: batch}
	h.base = f.int64()
	f.int32() // length
	h.epoch = f.int32()
	if magic := f.int8(); magic != 2 && f.err == nil {
		return h, fmt.Errorf("record batch of version %d: only version 2 (Kafka 0.11) can be read", magic)
	}
	sum := uint32(f.int32())
	h.attributes = f.int16()
	delta := f.int32()
	h.first, h.max = f.int64(), f.int64()
	h.producer = f.int64()
	f.int16() // producer epoch
	f.int32() // sequence
	h.count = f.int32()
	if f.err != nil {
		return h, f.err
	}
	if crc32.Checksum(batch[checkedAt:], castagnoli) != sum {
		return h, errChecksum
	}
	if h.base < 0 || delta < 0 || h.count < 0 || h.base > math.MaxInt64-int64(delta)-1 {
		return h, fmt.Errorf("%w: base %d, last delta %d, %d records", errDamaged, h.base, delta, h.count)
	}
	h.last, h.records = h.base+int64(delta), f.rest
	return h, nil
}

func (h *batchHead) has(bit int16) bool { return h.attributes&bit != 0 }

// time is a record's timestamp.
func (h *batchHead) time(delta int64) time.Time {
	ms := h.first + delta
	if h.has(logAppendTime) {
		ms = h.max
	}
	return time.UnixMilli(ms)
}
