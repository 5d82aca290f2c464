package sink

import (
	"bytes"
	"errors"
	"strconv"
)

// message is an entry of msgList. Its texts are JSON strings as they came, with quotation marks.
type message struct {
	id, attach, ext []byte
	kind            []byte // digits
}

// call is a call's body, read. Its memory is used again for the next one of the connection.
type call struct {
	room     int64
	sender   []byte
	list     []byte // msgList, decoded
	messages []message
}

var errForm = errors.New("the body isn't a call")

// read reads a form body. What it keeps points into c and body.
func (c *call) read(body []byte) (err error) {
	c.room, c.sender, c.list, c.messages = 0, c.sender[:0], c.list[:0], c.messages[:0]
	for len(body) > 0 {
		var field []byte
		field, body, _ = bytes.Cut(body, []byte("&"))
		name, value, _ := bytes.Cut(field, []byte("="))
		switch string(name) {
		case "roomid":
			c.room, err = strconv.ParseInt(string(value), 10, 64)
		case "fromAccid":
			c.sender, err = unescape(c.sender, value)
		case "msgList":
			c.list, err = unescape(c.list, value)
		}
		if err != nil {
			return errForm
		}
	}
	if c.room == 0 || len(c.sender) == 0 {
		return errForm
	}
	return c.entries()
}

// unescape appends a form value.
func unescape(dst, value []byte) ([]byte, error) {
	for {
		i := bytes.IndexByte(value, '%')
		if i < 0 {
			return append(dst, value...), nil
		}
		dst = append(dst, value[:i]...)
		if len(value) < i+3 {
			return dst, errForm
		}
		dst = append(dst, nibbles[value[i+1]]<<4|nibbles[value[i+2]])
		value = value[i+3:]
	}
}

// nibbles are the values of hexadecimal digits.
var nibbles = func() (t [256]byte) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c - '0'
	}
	for c := byte('A'); c <= 'F'; c++ {
		t[c], t[c|0x20] = c-'A'+10, c-'A'+10
	}
	return t
}()

// entries reads msgList: an array of objects without nested ones.
func (c *call) entries() error {
	s := scanner{rest: c.list}
	s.expect('[')
	for {
		s.expect('{')
		var m message
		for {
			name := s.value()
			s.expect(':')
			value := s.value()
			switch string(name) {
			case `"msgId"`:
				m.id = value
			case `"attach"`:
				m.attach = value
			case `"ext"`:
				m.ext = value
			case `"msgType"`:
				m.kind = value
			}
			if !s.more() {
				break
			}
		}
		s.expect('}')
		if s.failed || len(m.id) < 3 {
			return errForm
		}
		c.messages = append(c.messages, m)
		if !s.more() {
			break
		}
	}
	s.expect(']')
	if s.failed || len(s.rest) > 0 {
		return errForm
	}
	return nil
}

// scanner reads JSON without white space.
type scanner struct {
	rest   []byte
	failed bool
}

func (s *scanner) expect(c byte) {
	if s.failed || len(s.rest) == 0 || s.rest[0] != c {
		s.failed = true
		return
	}
	s.rest = s.rest[1:]
}

// more passes a comma over; false: there is none.
func (s *scanner) more() bool {
	if s.failed || len(s.rest) == 0 || s.rest[0] != ',' {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// value takes a string or a number.
func (s *scanner) value() []byte {
	end := 0
	switch {
	case s.failed || len(s.rest) == 0:
	case s.rest[0] == '"':
		for i := 1; i < len(s.rest) && end == 0; i++ {
			switch s.rest[i] {
			case '\\':
				i++
			case '"':
				end = i + 1
			}
		}
	default:
		for end < len(s.rest) && (s.rest[end] >= '0' && s.rest[end] <= '9' || s.rest[end] == '-') {
			end++
		}
	}
	if end == 0 {
		s.failed = true
		return nil
	}
	v := s.rest[:end]
	s.rest = s.rest[end:]
	return v
}
