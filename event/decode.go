package event

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"unsafe"

	"github.com/go-json-experiment/json/jsontext"
)

// reader is a tokenizer with what it reads from, to be used again: its tables of names and its stack are
// most of what decoding would otherwise allocate.
type reader struct {
	source bytes.Buffer
	json   *jsontext.Decoder
}

// pooledLimit is the largest value, in bytes, after which a reader is used again. A tokenizer's tables grow
// with the names in a value and shrink only when they are needed again: a nested object of 4 MiB of names would
// pin 22 MiB for as long as the pool is in use.
const pooledLimit = 64 << 10

var readers = sync.Pool{New: func() any { return &reader{json: jsontext.NewDecoder(&bytes.Buffer{})} }}

// Decode reads the event in a record's value and checks it against the limits of the API's page
// (chatroom/batchSendMsg.action). The error is an *Invalid. The event is never nil: even then it has the
// record, and Room, Sender and MsgID as far as they could be read.
//
// Where the page is silent: an integer is written as one (no fraction, exponent or quotation marks), a
// boolean is true or false, null is no value of any field, and a roomid may be any integer of 64 bits.
//
// Strings of the event share the memory of rec.Value, which must not be changed afterwards.
func Decode(rec Record) (*Event, error) {
	e := &Event{Record: rec}
	if rec.InDoubt {
		e.Flag = 1
	}
	if rec.Oversize > 0 {
		return e, invalid("", "has %d bytes, more than the whole buffer holds", rec.Oversize)
	}
	if len(bytes.TrimLeft(rec.Value, " \t\r\n")) == 0 {
		return e, invalid("", "is empty, want a JSON object")
	}
	r := readers.Get().(*reader)
	r.source = *bytes.NewBuffer(rec.Value)
	r.json.Reset(&r.source)
	d := decoding{Event: e, json: r.json}
	err := d.object()
	if len(rec.Value) <= pooledLimit {
		r.source = bytes.Buffer{} // a pooled reader keeps no record alive
		r.json.Reset(&r.source)
		readers.Put(r)
	}
	if err != nil {
		return e, err
	}
	if err := d.complete(); err != nil {
		return e, err
	}
	if e.Resend == 1 {
		e.Flag = 1
	}
	e.Options = d.options.encode()
	e.messageBytes = e.countMessage()
	return e, nil
}

// decoding is one Decode under way.
type decoding struct {
	*Event
	json    *jsontext.Decoder
	options options
	seen    seen
}

// seen is which of the required fields have been read.
type seen struct{ room, sender, msgID, msgType bool }

func (d *decoding) object() error {
	if d.json.PeekKind() != '{' {
		if _, err := d.json.ReadToken(); err != nil {
			return syntax(err)
		}
		return invalid("", "is no JSON object")
	}
	if _, err := d.json.ReadToken(); err != nil {
		return syntax(err)
	}
	// The first mistake is told, but what comes after it is still read: a letter with its room and msgId
	// can be found, one without can't.
	var first error
	for d.json.PeekKind() != '}' {
		name, err := d.value()
		if err != nil {
			return earlier(first, syntax(err))
		}
		field := d.text(name)
		value, err := d.value()
		if err != nil {
			return earlier(first, syntax(err))
		}
		if err := d.member(field, value); err != nil && first == nil {
			first = err
		}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return earlier(first, syntax(err))
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		return earlier(first, invalid("", "has more text after the JSON object"))
	}
	return first
}

func earlier(first, then error) error {
	if first != nil {
		return first
	}
	return then
}

// value reads the next value, as its own bytes in the record.
func (d *decoding) value() ([]byte, error) {
	v, err := d.json.ReadValue()
	if err != nil {
		return nil, err
	}
	end := d.json.InputOffset()
	return d.Value[end-int64(len(v)) : end : end], nil
}

// syntax tells what is wrong with the JSON without repeating any of it.
func syntax(err error) *Invalid {
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return invalid("", "has a name twice in one object")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return invalid("", "ends in the middle of its JSON")
	}
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return invalid("", "is no valid JSON at byte %d", s.ByteOffset)
	}
	return invalid("", "is no valid JSON")
}

// text is a JSON string's value, in the memory of the record where nothing is escaped.
func (d *decoding) text(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return share(inner)
	}
	s, _ := jsontext.AppendUnquote(nil, quoted) // it has been read, so it can be
	return share(s)
}

// share gives bytes that nobody changes any more as a string, without a copy.
func share(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b))
}

func (d *decoding) complete() error {
	switch {
	case !d.seen.room:
		return invalid("roomid", "is missing")
	case !d.seen.sender:
		return invalid("fromAccid", "is missing")
	case !d.seen.msgID:
		return invalid("msgId", "is missing")
	case !d.seen.msgType:
		return invalid("msgType", "is missing")
	}
	return nil
}
