package fetch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go/compress"
)

// built describes a record batch to be encoded by hand.
type built struct {
	base       int64
	last       int32 // last offset delta; of the records if 0
	attributes int16
	producer   int64
	epoch      int16
	first, max int64
	magic      int8 // 2 if 0
	records    []builtRecord
	raw        []byte // instead of records
	count      int32  // instead of len(records)
}

type builtRecord struct {
	delta      int32
	time       int64
	key, value []byte
	headers    [][2][]byte
}

func appendBytes(b, x []byte) []byte {
	if x == nil {
		return binary.AppendVarint(b, -1)
	}
	return append(binary.AppendVarint(b, int64(len(x))), x...)
}

func (r *builtRecord) encode(b []byte) []byte {
	in := []byte{0}
	in = binary.AppendVarint(in, r.time)
	in = binary.AppendVarint(in, int64(r.delta))
	in = appendBytes(appendBytes(in, r.key), r.value)
	in = binary.AppendVarint(in, int64(len(r.headers)))
	for _, h := range r.headers {
		in = appendBytes(appendBytes(in, h[0]), h[1])
	}
	return append(binary.AppendVarint(b, int64(len(in))), in...)
}

func (b built) encode() []byte {
	body, count, last := b.raw, b.count, b.last
	if body == nil {
		for _, r := range b.records {
			body = r.encode(body)
			last = max(last, r.delta)
		}
		count = int32(len(b.records))
		if codec := compress.Compression(b.attributes & compression).Codec(); codec != nil {
			var to bytes.Buffer
			w := codec.NewWriter(&to)
			w.Write(body)
			w.Close()
			body = to.Bytes()
		}
	}
	if b.magic == 0 {
		b.magic = 2
	}
	out := binary.BigEndian.AppendUint64(nil, uint64(b.base))
	out = binary.BigEndian.AppendUint32(out, uint32(headLength-lengthEnd+len(body)))
	out = binary.BigEndian.AppendUint32(out, 7)
	out = append(out, byte(b.magic))
	out = binary.BigEndian.AppendUint32(out, 0)
	out = binary.BigEndian.AppendUint16(out, uint16(b.attributes))
	out = binary.BigEndian.AppendUint32(out, uint32(last))
	out = binary.BigEndian.AppendUint64(out, uint64(b.first))
	out = binary.BigEndian.AppendUint64(out, uint64(b.max))
	out = binary.BigEndian.AppendUint64(out, uint64(b.producer))
	out = binary.BigEndian.AppendUint16(out, uint16(b.epoch))
	out = binary.BigEndian.AppendUint32(out, math.MaxUint32)
	out = binary.BigEndian.AppendUint32(out, uint32(count))
	return sign(append(out, body...))
}

// sign sets the checksum.
func sign(batch []byte) []byte {
	if len(batch) >= headLength {
		binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[checkedAt:], castagnoli))
	}
	return batch
}

// marker is a control batch.
func marker(base, producer int64, abort bool) built {
	kind := byte(1)
	if abort {
		kind = 0
	}
	return built{
		base: base, attributes: transactional | control, producer: producer, epoch: 1,
		records: []builtRecord{{key: []byte{0, 0, 0, kind}, value: make([]byte, 6)}},
	}
}

// values makes a batch of records with these values, one offset each.
func values(base int64, values ...string) built {
	b := built{base: base, producer: -1}
	for i, v := range values {
		b.records = append(b.records, builtRecord{delta: int32(i), value: []byte(v)})
	}
	return b
}

func set(batches ...built) (all []byte) {
	for _, b := range batches {
		all = append(all, b.encode()...)
	}
	return all
}

func cursor(data []byte, from int64, gone ...aborted) *Cursor {
	r := &Response{cursor: Cursor{rest: data, position: from, wanted: from, aborted: gone}}
	return r.Records(Limits{})
}

// drain reads all; the error is Next's.
func drain(c *Cursor) (all []Record, err error) {
	for {
		r, ok, err := c.Next()
		if err != nil || !ok {
			return all, err
		}
		all = append(all, r)
	}
}

// expect reads all of c and compares the values and the position after them.
func expect(t *testing.T, c *Cursor, position int64, want ...string) []Record {
	t.Helper()
	all, err := drain(c)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range all {
		got = append(got, string(r.Value))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("read %q, want %q", got, want)
	}
	if c.Position() != position {
		t.Fatalf("position %d, want %d", c.Position(), position)
	}
	return all
}

// trickle gives a byte at a time.
type trickle struct{ rest []byte }

func (r *trickle) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	b[0], r.rest = r.rest[0], r.rest[1:]
	return 1, nil
}

func (r *trickle) Close() error { return nil }

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}
