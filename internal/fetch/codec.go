package fetch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress"
)

// expand returns a reader of what records hold compressed. It is to be closed.
//
// kafka-go's readers for snappy and zstd believe sizes that stand in the data, and make room for up to
// 4 GiB and 512 MiB: these two are read by what is below.
func expand(codec int16, records []byte) (io.ReadCloser, error) {
	switch c := compress.Compression(codec); c {
	case compress.Gzip, compress.Lz4:
		return c.Codec().NewReader(bytes.NewReader(records)), nil
	case compress.Snappy:
		return &snappyReader{rest: records}, nil
	case compress.Zstd:
		return expandZstd(records)
	}
	return nil, fmt.Errorf("%w: compression %d", errDamaged, codec)
}

// maxZstdWindow is what zstd's own decoder allows by default (ZSTD_WINDOWLOG_LIMIT_DEFAULT 27): no broker
// takes more from a producer either.
const maxZstdWindow = 128 << 20

var zstdReaders sync.Pool

type zstdReader struct{ *zstd.Decoder }

func expandZstd(records []byte) (io.ReadCloser, error) {
	d, _ := zstdReaders.Get().(*zstd.Decoder)
	if d == nil {
		var err error
		// One block at a time, without goroutines: a batch is small, and partitions are read at once.
		d, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, fmt.Errorf("making a zstd reader: %w", err)
		}
	}
	if err := d.Reset(bytes.NewReader(records)); err != nil {
		return nil, fmt.Errorf("expanding: %w", err)
	}
	return zstdReader{d}, nil
}

func (r zstdReader) Close() error {
	err := r.Reset(nil) // the batch's memory mustn't stay in the pool
	zstdReaders.Put(r.Decoder)
	return err
}

// snappyReader reads one snappy block, or the blocks of the framing that Java's clients write: a head of
// 16 bytes that begins with xerialMagic, then blocks with their lengths before them.
type snappyReader struct {
	rest   []byte
	framed bool
	begun  bool
	block  []byte
	at     int
}

var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

const (
	xerialHead = 16
	// A snappy block expands at most to 64 bytes for each copy of 3: what says that it holds more than
	// this many times its size lies.
	snappyMost = 22
)

func (r *snappyReader) Read(b []byte) (int, error) {
	if !r.begun {
		r.begun = true
		if len(r.rest) >= xerialHead && bytes.HasPrefix(r.rest, xerialMagic) {
			r.framed, r.rest = true, r.rest[xerialHead:]
		}
	}
	for r.at == len(r.block) {
		if len(r.rest) == 0 {
			return 0, io.EOF
		}
		if err := r.expand(); err != nil {
			return 0, err
		}
	}
	n := copy(b, r.block[r.at:])
	r.at += n
	return n, nil
}

// expand goes on to the next block.
func (r *snappyReader) expand() error {
	block := r.rest
	if r.framed {
		if len(r.rest) < 4 {
			return errShort
		}
		n := binary.BigEndian.Uint32(r.rest)
		if uint64(n) > uint64(len(r.rest)-4) {
			return errShort
		}
		block = r.rest[4 : 4+n]
	}
	size, err := snappy.DecodedLen(block)
	if err != nil {
		return fmt.Errorf("snappy: %w", err)
	}
	if size > snappyMost*len(block) {
		return fmt.Errorf("%w: snappy block of %d bytes says that it holds %d", errDamaged, len(block), size)
	}
	r.block, err = snappy.Decode(slices.Grow(r.block[:0], size), block)
	if err != nil {
		return fmt.Errorf("snappy: %w", err)
	}
	r.at = 0
	r.rest = r.rest[len(block):]
	if r.framed {
		r.rest = r.rest[4:]
	}
	return nil
}

func (r *snappyReader) Close() error { return nil }
