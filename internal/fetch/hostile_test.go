package fetch

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
)

func TestADamagedByteIsNoticed(t *testing.T) {
	for _, codec := range codecs {
		b := values(0, "some", "values", "to", "be", "damaged")
		b.attributes = int16(codec)
		whole := set(b)
		for i := lengthEnd; i < len(whole); i++ {
			if i >= 12 && i < 16 {
				continue // the leader epoch isn't covered, and isn't used
			}
			data := bytes.Clone(whole)
			data[i] ^= 0x10
			if all, err := drain(cursor(data, 0)); err == nil || len(all) > 0 {
				t.Fatalf("%v: byte %d: %d records, %v", codec, i, len(all), err)
			}
		}
	}
}

func TestAnOldMessageIsAClearError(t *testing.T) {
	for magic := range int8(2) {
		old := binary.BigEndian.AppendUint64(nil, 0)
		old = binary.BigEndian.AppendUint32(old, 14)
		old = append(old, 1, 2, 3, 4, byte(magic), 0)
		old = append(old, make([]byte, 8)...)
		_, err := drain(cursor(old, 0))
		if err == nil || !strings.Contains(err.Error(), "only version 2") {
			t.Fatalf("magic %d: %v", magic, err)
		}
	}
}

func TestAnErrorIsFinalAndKeepsThePosition(t *testing.T) {
	bad := set(values(2, "c"))
	bad[len(bad)-1]++
	c := cursor(append(set(values(0, "a", "b")), append(bad, set(values(3, "d"))...)...), 0)
	for range 3 {
		all, err := drain(c)
		wantError(t, err, errChecksum)
		if c.Position() != 2 || len(all) == 1 {
			t.Fatalf("position %d after %d records", c.Position(), len(all))
		}
	}
}

// record is one record's bytes with a length before it.
func record(in ...byte) []byte { return append(binary.AppendVarint(nil, int64(len(in))), in...) }

func varints(x ...int64) (b []byte) {
	for _, n := range x {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// lying are batches whose sizes promise more than there is.
func lying() map[string]built {
	huge := varints(1 << 30)
	snappyHuge := binary.AppendUvarint(nil, 1<<31)
	all := map[string]built{
		"count":        {count: 1 << 30, raw: record(0, 0, 0, 1, 1, 0)},
		"no count":     {count: -1, raw: []byte{}},
		"record":       {count: 1, raw: varints(1 << 30)},
		"short record": {count: 1, raw: record(0, 0, 0)},
		"key":          {count: 1, raw: record(append([]byte{0, 0, 0}, huge...)...)},
		"value":        {count: 1, raw: record(append([]byte{0, 0, 0, 1}, huge...)...)},
		"headers":      {count: 1, raw: record(append([]byte{0, 0, 0, 1, 1}, huge...)...)},
		"header":       {count: 1, raw: record(append([]byte{0, 0, 0, 1, 1, 2}, huge...)...)},
		"delta":        {count: 1, raw: record(0, 0, 2, 1, 1, 0)},
		"delta below":  {count: 1, raw: record(0, 0, 1, 1, 1, 0)},
		"same delta":   {count: 2, raw: append(record(0, 0, 0, 1, 1, 0), record(0, 0, 0, 1, 1, 0)...)},
		"endless":      {count: 1, raw: bytes.Repeat([]byte{0xff}, 20)},
		"snappy":       {count: 1, attributes: int16(compress.Snappy), raw: append(snappyHuge, make([]byte, 40)...)},
		"xerial":       {count: 1, attributes: int16(compress.Snappy), raw: append(append(bytes.Clone(xerialMagic), make([]byte, 8)...), 0x7f, 0, 0, 0, 1)},
		"gzip":         {count: 1, attributes: int16(compress.Gzip), raw: []byte("no gzip")},
		"zstd window":  {count: 1, attributes: int16(compress.Zstd), raw: []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0xf0, 1, 0, 0}},
		"codec":        {count: 1, attributes: 5, raw: []byte{1}},
		"base":         {base: 1<<63 - 1, count: 1, raw: record(0, 0, 0, 1, 1, 0)},
		"base below 0": {base: -1 << 63, count: 1, raw: record(0, 0, 0, 1, 1, 0)},
	}
	for name, b := range all {
		b.producer = -1
		all[name] = b
	}
	return all
}

// allocated is how many bytes f takes.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestSizesThatLieTakeNoMemory(t *testing.T) {
	for name, b := range lying() {
		t.Run(name, func(t *testing.T) {
			data := set(b)
			took := allocated(func() {
				all, err := drain(cursor(data, 0))
				if err == nil {
					t.Errorf("%d records and no error", len(all))
				}
			})
			if took > 1<<20 {
				t.Errorf("took %d bytes", took)
			}
		})
	}
}

func TestABatchIsNeverExpandedAsAWhole(t *testing.T) {
	// Records of 1 MiB of zeros each, which compress to nearly nothing, all above the limit. A decoder may
	// keep a window of 8 MiB.
	var b built
	b.producer = -1
	for i := range 32 {
		b.records = append(b.records, builtRecord{delta: int32(i), value: make([]byte, 1<<20)})
	}
	for _, codec := range codecs[1:] {
		if codec == compress.Snappy {
			continue // a block of it can only be expanded as a whole; it grows at most twentyfold
		}
		b.attributes = int16(codec)
		data := set(b)
		c := cursor(data, 0)
		c.limit = 1 << 10
		var n int
		took := allocated(func() {
			all, err := drain(c)
			n = len(all)
			if err != nil {
				t.Error(err)
			}
		})
		if n != 32 || took > 12<<20 {
			t.Errorf("%v: %d records took %d bytes", codec, n, took)
		}
	}
}

func TestManyEmptyHeadersAreOversize(t *testing.T) {
	headers := make([][2][]byte, 100_000)
	for i := range headers {
		headers[i] = [2][]byte{{}, {}}
	}
	data := set(built{producer: -1, attributes: int16(compress.Zstd), records: []builtRecord{{value: []byte("v"), headers: headers}}})
	c := cursor(data, 0)
	c.limit = 1 << 20
	all, err := drain(c)
	if err != nil || len(all) != 1 || all[0].Oversize != 1 || all[0].Headers != nil {
		t.Fatalf("%d records, %v", len(all), err)
	}
}

func TestZstdWindows(t *testing.T) {
	raw := (&builtRecord{value: []byte("far")}).encode(nil)
	for log, allowed := range map[byte]bool{20: true, 27: true, 28: false, 41: false} {
		frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3, byte(1 | len(raw)<<3), 0, 0} // one raw block
		c := cursor(set(built{producer: -1, attributes: int16(compress.Zstd), count: 1, raw: append(frame, raw...)}), 0)
		if allowed {
			expect(t, c, 1, "far")
			continue
		}
		_, err := drain(c)
		wantError(t, err, zstd.ErrWindowSizeExceeded)
	}
}

func TestAnOversizeRecordThatLies(t *testing.T) {
	const size = 100_000
	for name, in := range map[string][]byte{
		"key":       varints(0, 0, size),
		"huge key":  varints(0, 0, 1<<62),
		"null key?": varints(0, 0, -2),
		"value":     varints(0, 0, -1, size+1),
		"no value":  varints(0, 0, -1, -2),
	} {
		raw := append(append(varints(size), 0), in...)
		raw = append(raw, make([]byte, 3*size)...)
		c := cursor(set(built{producer: -1, count: 1, raw: raw}), 0)
		c.limit = 1 << 10
		if _, err := drain(c); err == nil || c.Position() != 0 {
			t.Errorf("%s: %v, position %d", name, err, c.Position())
		}
	}
}

func TestBatchesGoForward(t *testing.T) {
	c := cursor(set(values(0, "a", "b", "c"), values(1, "x", "y", "z")), 0)
	_, err := drain(c)
	wantError(t, err, errDamaged)
	expect(t, cursor(set(values(0, "a", "b"), values(0, "a", "b"), values(2, "c")), 0), 3, "a", "b", "c")
}

// answer is the body of a Fetch answer, version 11.
func answer(topic string, topics, partitions, partition int32, code int16, aborted int32, records []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, 0)
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(topics))
	b = binary.BigEndian.AppendUint16(b, uint16(len(topic)))
	b = append(b, topic...)
	b = binary.BigEndian.AppendUint32(b, uint32(partitions))
	b = binary.BigEndian.AppendUint32(b, uint32(partition))
	b = binary.BigEndian.AppendUint16(b, uint16(code))
	for _, x := range []uint64{30, 20, 10} {
		b = binary.BigEndian.AppendUint64(b, x)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(aborted))
	for i := range min(max(aborted, 0), 3) {
		b = binary.BigEndian.AppendUint64(b, uint64(100+i))
		b = binary.BigEndian.AppendUint64(b, uint64(9-i))
	}
	b = binary.BigEndian.AppendUint32(b, 0xffffffff)
	b = binary.BigEndian.AppendUint32(b, uint32(len(records)))
	return append(b, records...)
}

func version11(b []byte) *fetchResponse {
	return &fetchResponse{Since5: true, Since7: true, Since11: true, Body: b}
}

func TestAnAnswerIsParsed(t *testing.T) {
	a, err := version11(answer("chat", 1, 1, 4, 0, 3, []byte("records"))).parse("chat", 4)
	if err != nil || a.high != 30 || a.stable != 20 || a.start != 10 || string(a.records) != "records" {
		t.Fatalf("%+v, %v", a, err)
	}
	if len(a.aborted) != 3 || a.aborted[0] != (aborted{102, 7}) || a.aborted[2].first != 9 {
		t.Fatalf("aborted, by first offset: %v", a.aborted)
	}
	if _, err := version11(answer("chat", 1, 1, 4, 1, -1, nil)).parse("chat", 4); err == nil {
		t.Fatal("no error")
	} else {
		wantError(t, err, kafka.OffsetOutOfRange)
	}
}

func TestAnAnswerHeldBackByAQuotaTellsForHowLong(t *testing.T) {
	held := version11([]byte{0, 0, 0x07, 0xd0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	if a, err := held.parse("chat", 4); err != nil || a.throttled != 2*time.Second || a.high != -1 || a.stable != -1 || a.start != -1 || a.records != nil {
		t.Fatalf("%+v, %v", a, err)
	}
	whole := answer("chat", 1, 1, 4, 0, -1, []byte("records"))
	for said, want := range map[uint32]time.Duration{1500: 1500 * time.Millisecond, 1 << 30: 30 * time.Second, 1 << 31: 0} {
		binary.BigEndian.PutUint32(whole, said)
		if a, err := version11(whole).parse("chat", 4); err != nil || a.throttled != want || a.high != 30 {
			t.Errorf("%d ms: %+v, %v", said, a, err)
		}
	}
	if _, err := version11(make([]byte, 14)).parse("chat", 4); err == nil {
		t.Error("nothing of the partition, for no reason: no error")
	}
}

func TestAnAnswerAboutOthersIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"topic":      answer("other", 1, 1, 4, 0, -1, nil),
		"topics":     answer("chat", 1<<30, 1, 4, 0, -1, nil),
		"partition":  answer("chat", 1, 1, 5, 0, -1, nil),
		"partitions": answer("chat", 1, 1<<30, 4, 0, -1, nil),
		"aborted":    answer("chat", 1, 1, 4, 0, 1<<30, nil),
	} {
		took := allocated(func() {
			if _, err := version11(b).parse("chat", 4); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
		if took > 1<<16 {
			t.Errorf("%s: took %d bytes", name, took)
		}
	}
	whole := answer("chat", 1, 1, 4, 0, 2, []byte("records"))
	for cut := range whole {
		if _, err := version11(whole[:cut]).parse("chat", 4); err == nil {
			t.Fatalf("cut to %d bytes: no error", cut)
		}
	}
}
