package fetch

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/protocol"
)

// exchange sends a request in a version that kafka-go doesn't speak, over a connection that is kafka-go's, and returns
// its answer from behind the header on, and the buffer that holds it. Nothing else is under way on the connection meanwhile. Request and answer are in
// the encoding of KIP-482.
func exchange(rw io.ReadWriter, key protocol.ApiKey, version int16, clientID string, body []byte) (answer, buffer []byte, err error) {
	const correlation = 0 // one is as good as another
	frame := make([]byte, 4, 32+len(clientID)+len(body))
	frame = binary.BigEndian.AppendUint16(frame, uint16(key))
	frame = binary.BigEndian.AppendUint16(frame, uint16(version))
	frame = binary.BigEndian.AppendUint32(frame, correlation)
	frame = binary.BigEndian.AppendUint16(frame, uint16(len(clientID)))
	frame = append(frame, clientID...)
	frame = append(frame, noTags)
	frame = append(frame, body...)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if _, err := rw.Write(frame); err != nil {
		return nil, nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, nil, err
	}
	if buffer, err = readFrame(rw, int64(binary.BigEndian.Uint32(size[:]))); err != nil {
		return nil, nil, err
	}
	f := fields{rest: buffer}
	id := f.int32()
	f.tags()
	if f.err == nil && id != correlation {
		f.err = fmt.Errorf("answer to request %d", id)
	}
	if f.err != nil {
		returnBuffer(buffer)
		return nil, nil, f.err
	}
	return f.rest, buffer, nil
}

// readFrame reads size bytes. The buffer grows with what arrives, not with what was promised.
func readFrame(r io.Reader, size int64) ([]byte, error) {
	buf := takeBuffer()
	for int64(len(buf)) < size {
		buf = slices.Grow(buf, 1)
		n, err := r.Read(buf[len(buf):min(int64(cap(buf)), size)])
		buf = buf[:len(buf)+n]
		if err != nil && int64(len(buf)) < size {
			returnBuffer(buf)
			if err == io.EOF { //nolint:errorlint // as io.ReadFull has it
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return buf, nil
}

const noTags = 0

func appendCompact(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s))+1)
	return append(b, s...)
}

func (f *fields) uvarint() uint64 {
	x, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.fail()
		return 0
	}
	f.rest = f.rest[n:]
	return x
}

// count of a compact array's elements, or of a compact text's bytes; -1: null. None can be more than the bytes that follow.
func (f *fields) count() int {
	n := f.uvarint()
	if n > uint64(len(f.rest))+1 {
		f.fail()
		return 0
	}
	return int(n) - 1
}

func (f *fields) compact() []byte {
	n := f.count()
	if n < 0 {
		return nil
	}
	return f.next(n)
}

// tags passes over fields that are tagged.
func (f *fields) tags() {
	for n := f.uvarint(); n > 0 && f.err == nil; n-- {
		f.uvarint()
		f.next(int(min(f.uvarint(), uint64(len(f.rest))+1)))
	}
}
