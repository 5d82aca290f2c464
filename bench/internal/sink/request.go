package sink

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"
)

// request reads the requests of one connection, one at a time.
type request struct {
	buf    []byte
	filled int
	whole  int // bytes of the request that was read last
}

// largest bounds a request; the worker's bodies have at most half a MiB.
const largest = 1 << 20

var errRequest = errors.New("not a request that this endpoint reads")

// read gives the instant at which the first bytes of the next request were there, and its body, which is good
// until the next call.
func (r *request) read(conn io.Reader) (at time.Time, body []byte, err error) {
	r.filled = copy(r.buf, r.buf[r.whole:r.filled])
	r.whole = 0
	begin, size := 0, -1 // of the body; below zero: not known yet
	for {
		if r.filled > 0 && at.IsZero() {
			at = time.Now()
		}
		if size < 0 {
			if begin, size, err = head(r.buf[:r.filled]); err != nil {
				return at, nil, err
			}
		}
		if size >= 0 && r.filled >= begin+size {
			break
		}
		if r.filled == len(r.buf) {
			if len(r.buf) >= largest {
				return at, nil, errRequest
			}
			r.buf = append(r.buf, make([]byte, max(len(r.buf), 16<<10))...)
		}
		n, err := conn.Read(r.buf[r.filled:])
		if err != nil {
			return at, nil, err
		}
		r.filled += n
	}
	r.whole = begin + size
	return at, r.buf[begin:r.whole], nil
}

var (
	headEnd    = []byte("\r\n\r\n")
	lengthName = []byte("\r\nContent-Length: ") // as net/http writes it
)

// head finds where a request's body begins and how long it is; a size below zero: the head isn't whole yet.
func head(b []byte) (begin, size int, err error) {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		return 0, -1, nil
	}
	_, rest, ok := bytes.Cut(b[:end+2], lengthName)
	if !ok || !bytes.HasPrefix(b, []byte("POST ")) {
		return 0, 0, errRequest
	}
	digits, _, _ := bytes.Cut(rest, headEnd[:2])
	size, err = strconv.Atoi(string(digits))
	if err != nil || size < 0 || size > largest {
		return 0, 0, errRequest
	}
	return end + len(headEnd), size, nil
}

func appendHead(dst []byte, size int) []byte {
	dst = append(dst, "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(size), 10)
	return append(dst, headEnd...)
}
