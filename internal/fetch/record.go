package fetch

import (
	"fmt"
	"time"
	"unsafe"

	"roomrelay/event"
)

// Record is one record. Its memory is its own.
type Record struct {
	Offset  int64
	Time    time.Time // of the producer, or of the broker for a topic with message.timestamp.type=LogAppendTime
	Key     []byte    // nil when there is none
	Value   []byte    // nil: a tombstone, or Oversize is set
	Headers []event.Header
	// Oversize is the size of the value of a record that is larger than Limits.MaxValue, at least 1. The
	// value isn't kept then, nor are the headers, nor a key above 4 KiB. 0 for every other record.
	Oversize int
}

// Limits bound what is kept of one record.
type Limits struct {
	// MaxValue is the most bytes of a record that is kept: key, value and headers, with 48 bytes for each
	// header. 0: no limit.
	MaxValue int
}

const (
	// headerCost is the memory of an event.Header besides its bytes: an empty header takes two bytes of a
	// batch, so a batch of nothing else would expand by as much.
	headerCost = 48
	// maxOddKey is the longest key that is kept of an oversize record: a room's id has 19 digits.
	maxOddKey = 4 << 10
	// The least bytes of a record after its length: attributes, two deltas, lengths of key and value,
	// count of headers.
	leastRecord = 6
)

// parts are the fields of a record, still in the batch's memory.
type parts struct {
	timeDelta, offsetDelta int64
	key, value, headers    []byte
	count                  int // of headers
}

// split reads a record that is in memory as a whole.
func split(whole []byte) (p parts, err error) {
	f := fields{rest: whole}
	f.int8() // attributes: none is defined
	p.timeDelta, p.offsetDelta = f.varint(), f.varint()
	p.key, p.value = f.varbytes(), f.varbytes()
	n := f.varint()
	if f.err != nil {
		return p, f.err
	}
	if n < 0 || n > int64(len(f.rest)/2) {
		return p, fmt.Errorf("%w: %d headers in %d bytes", errDamaged, n, len(f.rest))
	}
	p.count, p.headers = int(n), f.rest
	return p, nil
}

// record copies the parts into memory of their own: what is kept of a batch mustn't keep all of it.
func (p *parts) record(limit int) (r Record, err error) {
	if len(p.key)+len(p.value)+len(p.headers)+p.count*headerCost > limit {
		return p.odd(len(p.value), p.value == nil), nil
	}
	own := make([]byte, 0, len(p.key)+len(p.value)+len(p.headers))
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		at := len(own)
		own = append(own, b...)
		return own[at:len(own):len(own)]
	}
	r.Key, r.Value = keep(p.key), keep(p.value)
	if p.count == 0 {
		return r, nil
	}
	r.Headers = make([]event.Header, p.count)
	f := fields{rest: p.headers}
	for i := range r.Headers {
		// A name lives as long as the other bytes do: a letter has twenty, each an allocation otherwise.
		if name := keep(f.varbytes()); len(name) > 0 {
			r.Headers[i].Key = unsafe.String(&name[0], len(name))
		}
		r.Headers[i].Value = keep(f.varbytes())
	}
	return r, f.err
}

// odd is what is kept of an oversize record.
func (p *parts) odd(value int, tombstone bool) (r Record) {
	if p.key != nil && len(p.key) <= maxOddKey {
		r.Key = append([]byte{}, p.key...)
	}
	if !tombstone {
		r.Oversize = max(1, value)
	}
	return r
}
