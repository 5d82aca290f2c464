package sender

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"roomrelay/event"
)

// reading reads answers, one at a time; it is used again, since its decoders' buffers are most of what
// reading takes.
type reading struct {
	whole, part         jsontext.Decoder // of the body, of a list in it
	wholeText, partText bytes.Buffer
}

var readings = sync.Pool{New: func() any { return new(reading) }}

// tolerant reads what others would refuse: what names are repeated or bytes are wrong in is unlikely to be
// what we look for.
var tolerant = jsontext.AllowInvalidUTF8(true)

// read takes what is known out of a body, of the messages only those that were sent. So what is kept is
// bounded, however long the lists are. What can't be read whole leaves HasCode false.
func (a *Answer) read(body []byte, sent []*event.Event) {
	r := readings.Get().(*reading)
	a.mentions = make([]mention, len(sent))
	a.Code, a.HasCode = r.object(a, body, sent)
	// A pooled reading keeps no body alive.
	r.wholeText, r.partText = bytes.Buffer{}, bytes.Buffer{}
	r.whole.Reset(&r.wholeText)
	r.part.Reset(&r.partText)
	readings.Put(r)
}

func (r *reading) object(a *Answer, body []byte, sent []*event.Event) (code int, ok bool) {
	r.wholeText = *bytes.NewBuffer(body)
	d := &r.whole
	d.Reset(&r.wholeText, jsontext.AllowDuplicateNames(true), tolerant)
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return 0, false
	}
	hasCode := false
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return 0, false
		}
		field := known(name)
		value, err := d.ReadValue()
		if err != nil {
			return 0, false
		}
		readable := true
		switch field {
		case "code":
			code, hasCode = integer(value)
			readable = hasCode
		case "desc":
			a.Desc = text(value)
		case "fail":
			readable = r.list(value, func(id, v jsontext.Value) { a.fail(sent, id, v) })
		case "success":
			a.hasSuccess = a.hasSuccess || value.Kind() != 'n'
			readable = r.list(value, func(id, _ jsontext.Value) { a.succeed(sent, id) })
		}
		if !readable {
			return 0, false
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return 0, false
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return 0, false // more text than an answer: then it is none
	}
	return code, hasCode
}

// known gives the names that are looked for; "" for every other.
func known(name jsontext.Value) string {
	switch string(name) {
	case `"code"`:
		return "code"
	case `"desc"`:
		return "desc"
	case `"fail"`:
		return "fail"
	case `"success"`:
		return "success"
	}
	return ""
}

func (a *Answer) fail(sent []*event.Event, id, reason jsontext.Value) {
	for i, e := range sent {
		if m := &a.mentions[i]; !m.failed && is(id, e.MsgID) {
			m.failed, m.reason = true, text(reason)
		}
	}
}

func (a *Answer) succeed(sent []*event.Event, id jsontext.Value) {
	for i, e := range sent {
		if is(id, e.MsgID) {
			a.mentions[i].succeeded = true
		}
	}
}

// is says whether a JSON string's value is s.
func is(quoted jsontext.Value, s string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1:len(quoted)-1]) == s
	}
	return text(quoted) == s
}

// integer reads a number, or a string that holds one.
func integer(v jsontext.Value) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(text(v)))
	return n, err == nil
}

// text is a string's value, and any other value as it stands.
func text(v jsontext.Value) string {
	if v.Kind() != '"' {
		return string(v)
	}
	s, _ := jsontext.AppendUnquote(nil, v) // it has been read, so it can be; bytes that are no UTF-8 are replaced
	return string(s)
}

// list reads fail or success: an array of objects, a string that holds one, nothing or null. It tells
// each msgId and what stands by it.
func (r *reading) list(v jsontext.Value, each func(id, value jsontext.Value)) (ok bool) {
	switch v.Kind() {
	case 'n':
		return true
	case '"':
		inner := strings.TrimSpace(text(v))
		if inner == "" {
			return true
		}
		v = jsontext.Value(inner)
	}
	r.partText = *bytes.NewBuffer(v)
	d := &r.part
	d.Reset(&r.partText, jsontext.AllowDuplicateNames(true), tolerant)
	if t, err := d.ReadToken(); err != nil || t.Kind() != '[' {
		return false
	}
	for d.PeekKind() == '{' {
		if _, err := d.ReadToken(); err != nil {
			return false
		}
		for d.PeekKind() != '}' {
			name, err := d.ReadValue()
			if err != nil {
				return false
			}
			// What the decoder gave is good only until the next read; the list itself stays.
			end := d.InputOffset()
			id := v[end-int64(len(name)) : end]
			value, err := d.ReadValue()
			if err != nil {
				return false
			}
			each(id, value)
		}
		if _, err := d.ReadToken(); err != nil {
			return false
		}
	}
	if t, err := d.ReadToken(); err != nil || t.Kind() != ']' {
		return false
	}
	_, err := d.ReadToken()
	return errors.Is(err, io.EOF)
}
