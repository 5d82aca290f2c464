package fetch

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/compress"
)

var codecs = []compress.Compression{compress.None, compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd}

func TestEveryCodecIsRead(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			b := built{base: 100, attributes: int16(codec), producer: -1, first: 1000}
			var want []string
			for i := range 5000 {
				v := strings.Repeat(string(rune('a'+i%26)), i%97)
				want = append(want, v)
				b.records = append(b.records, builtRecord{delta: int32(i), time: int64(i), value: []byte(v)})
			}
			all := expect(t, cursor(set(b), 100), 5100, want...)
			if r := all[4999]; r.Offset != 5099 || !r.Time.Equal(time.UnixMilli(5999)) {
				t.Fatalf("last record %+v", r)
			}
		})
	}
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	data := set(built{producer: -1, records: []builtRecord{
		{key: []byte("room"), value: []byte("v"), headers: [][2][]byte{{[]byte("a"), []byte("1")}, {[]byte("a"), nil}, {[]byte(""), []byte("")}}},
		{delta: 1, value: []byte{}},
		{delta: 2, key: []byte{}},
	}})
	c := cursor(data, 0)
	all, err := drain(c)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	clear(data) // what was read must not live there
	r := all[0]
	if string(r.Key) != "room" || string(r.Value) != "v" || len(r.Headers) != 3 {
		t.Fatalf("first record %+v", r)
	}
	if h := r.Headers; h[0].Key != "a" || string(h[0].Value) != "1" || h[1].Value != nil || h[2].Value == nil {
		t.Fatalf("headers %+v", h)
	}
	if all[1].Key != nil || all[1].Value == nil || all[1].Headers != nil {
		t.Fatalf("an empty value isn't a tombstone: %+v", all[1])
	}
	if all[2].Key == nil || all[2].Value != nil || all[2].Oversize != 0 {
		t.Fatalf("a tombstone isn't an empty value: %+v", all[2])
	}
	_ = append(r.Key, 'x')
	if string(r.Value) != "v" {
		t.Fatal("appending to the key wrote into the value")
	}
}

func TestLogAppendTimeIsTheBrokers(t *testing.T) {
	b := values(0, "a")
	b.first, b.max = 1000, 9000
	if r := expect(t, cursor(set(b), 0), 1, "a"); !r[0].Time.Equal(time.UnixMilli(1000)) {
		t.Fatalf("producer's time: %v", r[0].Time)
	}
	b.attributes = logAppendTime
	if r := expect(t, cursor(set(b), 0), 1, "a"); !r[0].Time.Equal(time.UnixMilli(9000)) {
		t.Fatalf("broker's time: %v", r[0].Time)
	}
}

func TestRecordsBeforeTheOffsetAreSkipped(t *testing.T) {
	data := set(values(0, "a", "b", "c"), values(3, "d"))
	expect(t, cursor(data, 2), 4, "c", "d")
	expect(t, cursor(data, 3), 4, "d")
	expect(t, cursor(data, 9), 9)
}

func TestPositionPassesWhatWasCompacted(t *testing.T) {
	gaps := built{base: 190, last: 9, producer: -1, records: []builtRecord{{delta: 3, value: []byte("a")}, {delta: 5, value: []byte("b")}}}
	c := cursor(set(gaps), 190)
	if r, ok, err := c.Next(); !ok || err != nil || r.Offset != 193 || c.Position() != 194 {
		t.Fatalf("first record at %d, position %d, %v", r.Offset, c.Position(), err)
	}
	expect(t, c, 200, "b")
	expect(t, cursor(set(built{base: 5, last: 7, producer: -1}), 5), 13)
	expect(t, cursor(set(built{base: 5, last: 7, producer: -1, attributes: int16(compress.Zstd), raw: []byte{}}), 5), 13)
}

func TestAPartialBatchAtTheEndIsLeft(t *testing.T) {
	whole := set(values(0, "a"))
	for cut := range whole {
		c := cursor(append(bytes.Clone(whole), set(values(1, "b"))[:cut]...), 0)
		expect(t, c, 1, "a")
	}
	_, err := drain(cursor(whole[:len(whole)-1], 0))
	wantError(t, err, errShort) // asking again would bring the same
}

func TestControlRecordsAreLeftOut(t *testing.T) {
	tx := values(0, "a")
	tx.attributes, tx.producer = transactional, 4
	expect(t, cursor(set(tx, marker(1, 4, false), values(2, "b"), marker(3, 4, false)), 0), 4, "a", "b")
}

func TestAbortedTransactionsAreLeftOut(t *testing.T) {
	tx := func(base, producer int64, v string) built {
		b := values(base, v)
		b.attributes, b.producer = transactional, producer
		return b
	}
	data := set(
		tx(0, 7, "aborted"), tx(1, 8, "other producer"), values(2, "none"), tx(3, 7, "aborted"),
		marker(4, 7, true), // its epoch differs from the records'
		tx(5, 7, "committed"), marker(6, 7, false), marker(7, 8, false),
		tx(8, 7, "aborted again"), marker(9, 7, true),
		tx(10, 7, "committed"), marker(11, 7, false),
	)
	gone := []aborted{{7, 0}, {7, 8}}
	expect(t, cursor(data, 0, gone...), 12, "other producer", "none", "committed", "committed")
	// From within: the broker names the transaction that the offset lies in, too.
	expect(t, cursor(data, 3, gone...), 12, "committed", "committed")
	// An idempotent producer's records aren't part of a transaction.
	plain := values(0, "idempotent")
	plain.producer = 7
	expect(t, cursor(set(plain), 0, gone...), 1, "idempotent")
}

func TestALargeRecordIsPassedOver(t *testing.T) {
	const size = 1 << 20
	large := make([]byte, size)
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			data := set(built{producer: -1, attributes: int16(codec), records: []builtRecord{
				{value: []byte("before")},
				{delta: 1, key: []byte("room"), value: large, headers: [][2][]byte{{[]byte("a"), large[:100]}}},
				{delta: 2, key: large, value: []byte("odd key")},
				{delta: 3, key: large},
				{delta: 4, value: []byte("after")},
			}})
			r := &Response{cursor: Cursor{rest: data}}
			c := r.Records(Limits{MaxValue: 1 << 10})
			all, err := drain(c)
			if err != nil || len(all) != 5 || c.Position() != 5 {
				t.Fatalf("%d records, position %d, %v", len(all), c.Position(), err)
			}
			if x := all[1]; x.Oversize != size || x.Value != nil || string(x.Key) != "room" || x.Headers != nil {
				t.Fatalf("large value: size %d, key %q", x.Oversize, x.Key)
			}
			if x := all[2]; x.Oversize != len("odd key") || x.Value != nil || x.Key != nil {
				t.Fatalf("large key: size %d, key of %d bytes", x.Oversize, len(x.Key))
			}
			if x := all[3]; x.Oversize != 0 || x.Value != nil || x.Key != nil {
				t.Fatalf("a tombstone stays one: %+v", x)
			}
			if string(all[0].Value) != "before" || string(all[4].Value) != "after" {
				t.Fatal("the neighbours are damaged")
			}
		})
	}
}

func TestARecordOfTheLimitIsKept(t *testing.T) {
	for _, extra := range []int{0, 1} {
		value := make([]byte, 1000+extra)
		r := &Response{cursor: Cursor{rest: set(built{producer: -1, records: []builtRecord{{value: value}}})}}
		all, err := drain(r.Records(Limits{MaxValue: 1000}))
		if err != nil || (all[0].Oversize > 0) != (extra > 0) {
			t.Fatalf("value of %d bytes: oversize %d, %v", len(value), all[0].Oversize, err)
		}
	}
}

func TestARecordThatComesInPieces(t *testing.T) {
	b := built{producer: -1, records: []builtRecord{
		{key: []byte("k"), value: bytes.Repeat([]byte("v"), 300), headers: [][2][]byte{{[]byte("a"), []byte("b")}}},
	}}
	var body []byte
	body = b.records[0].encode(body)
	c := cursor(nil, 0)
	c.begun, c.left, c.lastAt, c.head = true, 1, -1, batchHead{count: 1}
	c.in = &stream{src: &trickle{body}}
	if all := expect(t, c, 1, strings.Repeat("v", 300)); string(all[0].Headers[0].Value) != "b" {
		t.Fatalf("%+v", all[0])
	}
}

func TestReadingEndsWithClose(t *testing.T) {
	r := &Response{cursor: Cursor{rest: set(values(0, "a", "b"))}, buffer: takeBuffer()}
	c := r.Records(Limits{})
	if _, ok, err := c.Next(); !ok || err != nil {
		t.Fatal(err)
	}
	r.Close()
	r.Close()
	if _, ok, err := c.Next(); ok || err != nil || c.Position() != 1 {
		t.Fatalf("after Close: %v, %v, position %d", ok, err, c.Position())
	}
}
