package fetch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// stream reads the records of one batch in order. Of a compressed batch only a window is in memory: a
// batch may expand a thousandfold.
type stream struct {
	src    io.ReadCloser // nil: buf is all there is
	buf    []byte
	at     int // buf[at:] isn't read yet
	pooled bool
}

const (
	// window is how much is expanded at a time.
	window = 32 << 10
	// keepWindow bounds what one large record leaves behind in the pool.
	keepWindow = 256 << 10
	// maxHead is the most bytes of a record's varints, each at most 10, besides the header's.
	maxHead = 50
)

var windows = sync.Pool{New: func() any { return &stream{buf: make([]byte, 0, window), pooled: true} }}

func newStream(codec int16, records []byte) (*stream, error) {
	if codec == 0 {
		return &stream{buf: records}, nil
	}
	src, err := expand(codec, records)
	if err != nil {
		return nil, err
	}
	s := windows.Get().(*stream)
	s.src = src
	return s, nil
}

func (s *stream) close() {
	if s.src != nil {
		s.src.Close()
		s.src = nil
	}
	s.at = 0
	if s.pooled && cap(s.buf) <= keepWindow {
		s.buf = s.buf[:0]
		windows.Put(s)
	}
}

// need makes n bytes available at buf[at:], if there are as many. It makes room only for what comes.
func (s *stream) need(n int) error {
	for len(s.buf)-s.at < n {
		if s.src == nil {
			return errShort
		}
		if s.at > 0 {
			s.buf = s.buf[:copy(s.buf, s.buf[s.at:])]
			s.at = 0
		}
		s.buf = slices.Grow(s.buf, 1)
		m, err := s.src.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+m]
		if m == 0 && err != nil {
			if errors.Is(err, io.EOF) {
				return errShort
			}
			return fmt.Errorf("expanding: %w", err)
		}
	}
	return nil
}

// next returns n bytes, good until the next call.
func (s *stream) next(n int) ([]byte, error) {
	if err := s.need(n); err != nil {
		return nil, err
	}
	b := s.buf[s.at : s.at+n : s.at+n]
	s.at += n
	return b, nil
}

func (s *stream) varint() (int64, error) {
	for n := 1; n <= binary.MaxVarintLen64; n++ {
		if err := s.need(n); err != nil {
			return 0, err
		}
		if s.buf[s.at+n-1] >= 0x80 {
			continue
		}
		if x, m := binary.Varint(s.buf[s.at : s.at+n]); m > 0 {
			s.at += m
			return x, nil
		}
		break
	}
	return 0, fmt.Errorf("%w: varint", errDamaged)
}

// skip passes n bytes over.
func (s *stream) skip(n int64) error {
	for n > 0 {
		if err := s.need(1); err != nil {
			return err
		}
		m := int(min(n, int64(len(s.buf)-s.at)))
		s.at += m
		n -= int64(m)
	}
	return nil
}

// skim reads a record of size bytes that is too large to be kept. value is the size of its value, -1 for
// a tombstone; a key above maxOddKey isn't kept.
func (s *stream) skim(size int64) (p parts, value int64, err error) {
	front, err := s.peek(min(size, maxHead+maxOddKey))
	if err != nil {
		return p, 0, err
	}
	f := fields{rest: front}
	f.int8() // attributes
	p.timeDelta, p.offsetDelta = f.varint(), f.varint()
	switch key := f.varint(); {
	case key > maxOddKey:
		behind := int64(len(front)-len(f.rest)) + key
		if key > size || behind > size {
			return p, 0, fmt.Errorf("%w: key of %d bytes", errDamaged, key)
		}
		if err := s.skip(behind); err != nil {
			return p, 0, err
		}
		size -= behind
		if front, err = s.peek(min(size, binary.MaxVarintLen64)); err != nil {
			return p, 0, err
		}
		f.rest = front
	case key >= 0:
		p.key = slices.Clone(f.next(int(key)))
	case key < -1:
		f.fail()
	}
	value = f.varint()
	if f.err != nil {
		return p, 0, f.err
	}
	if value < -1 || value > size {
		return p, 0, fmt.Errorf("%w: value of %d bytes", errDamaged, value)
	}
	return p, value, s.skip(size)
}

// peek returns the next n bytes and leaves them unread.
func (s *stream) peek(n int64) ([]byte, error) {
	if err := s.need(int(n)); err != nil {
		return nil, err
	}
	return s.buf[s.at : s.at+int(n)], nil
}
