package fetch

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzRecordSet reads whatever bytes, as they are and with true checksums, which is what a hostile
// producer or broker would send.
func FuzzRecordSet(f *testing.F) {
	for _, codec := range codecs {
		b := values(10, "a", "bc", "", "def")
		b.attributes = int16(codec)
		f.Add(set(b, marker(14, 3, true), values(15, "z")), int64(11))
	}
	for _, b := range lying() {
		f.Add(set(b), int64(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, from int64) {
		from = max(0, from)
		readAll(t, data, from)
		readAll(t, signAll(bytes.Clone(data)), from)
	})
}

// signAll sets the checksums of all batches in data.
func signAll(data []byte) []byte {
	for rest := data; ; {
		batch, more, ok, err := cutBatch(rest)
		if !ok || err != nil {
			return data
		}
		sign(batch)
		rest = more
	}
}

func readAll(t *testing.T, data []byte, from int64) {
	r := &Response{cursor: Cursor{rest: data, position: from, wanted: from, aborted: []aborted{{3, 10}}}}
	c := r.Records(Limits{MaxValue: 1 << 10})
	defer r.Close()
	last := from
	for {
		x, ok, err := c.Next()
		if c.Position() < last {
			t.Fatalf("position went back from %d to %d", last, c.Position())
		}
		if err != nil || !ok {
			return
		}
		if x.Offset < last || c.Position() != x.Offset+1 {
			t.Fatalf("record %d after position %d, position then %d", x.Offset, last, c.Position())
		}
		last = c.Position()
		if len(x.Value) > 1<<10 || len(x.Key) > maxOddKey {
			t.Fatalf("kept a key of %d and a value of %d bytes", len(x.Key), len(x.Value))
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(answer("chat", 1, 1, 4, 0, 2, set(values(0, "a"))), true, true, true)
	f.Add(answer("chat", 1, 1, 4, 0, 1<<30, nil), true, true, true)
	f.Fuzz(func(t *testing.T, data []byte, v5, v7, v11 bool) {
		r := fetchResponse{Since5: mark(v5), Since7: mark(v7), Since11: mark(v11), Body: data}
		if a, err := r.parse("chat", 4); err == nil && len(a.records) > len(data) {
			t.Fatal("more records than data")
		}
	})
}

func BenchmarkDecodeRecords(b *testing.B) {
	const n = 1000
	batch := built{producer: -1}
	value := bytes.Repeat([]byte(`{"roomid":1234567,"fromAccid":"someone","attach":"a line of chat"}`), 4)
	for i := range n {
		binary.BigEndian.PutUint32(value[60:], uint32(i))
		batch.records = append(batch.records, builtRecord{delta: int32(i), key: []byte("1234567"), value: bytes.Clone(value)})
	}
	for _, codec := range codecs {
		batch.attributes = int16(codec)
		data := set(batch)
		b.Run(codec.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := cursor(data, 0)
				for {
					_, ok, err := c.Next()
					if err != nil {
						b.Fatal(err)
					}
					if !ok {
						break
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
		})
	}
}
