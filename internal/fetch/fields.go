package fetch

import (
	"cmp"
	"encoding/binary"
	"errors"
)

var errShort = errors.New("data ends too early")

// fields reads fixed-size fields from a slice. After an error all further reads give zero.
type fields struct {
	rest []byte
	err  error
}

func (f *fields) fail() {
	if f.err == nil {
		f.err = errShort
	}
	f.rest = nil
}

func (f *fields) next(n int) []byte {
	if n < 0 || n > len(f.rest) {
		f.fail()
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) int8() int8 {
	if b := f.next(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (f *fields) int16() int16 {
	if b := f.next(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (f *fields) int32() int32 {
	if b := f.next(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (f *fields) int64() int64 {
	if b := f.next(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (f *fields) string() string { return string(f.next(int(f.int16()))) }

// bytes gives nil for a null.
func (f *fields) bytes() []byte {
	n := f.int32()
	if n == -1 {
		return nil
	}
	return f.next(int(n))
}

// varint reads a zigzag varint. It is the hot path: no copy, and one branch for numbers below 64.
func (f *fields) varint() int64 {
	if len(f.rest) > 0 && f.rest[0] < 0x80 {
		x := f.rest[0]
		f.rest = f.rest[1:]
		return int64(x>>1) ^ -int64(x&1)
	}
	x, n := binary.Varint(f.rest)
	if n <= 0 {
		f.fail()
		return 0
	}
	f.rest = f.rest[n:]
	return x
}

// varbytes reads a length and as many bytes; nil for a null.
func (f *fields) varbytes() []byte {
	n := f.varint()
	if n == -1 {
		return nil
	}
	if n < 0 || n > int64(len(f.rest)) {
		f.fail()
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func cmpInt64(a, b int64) int { return cmp.Compare(a, b) }
