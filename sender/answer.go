package sender

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind is how an attempt ended.
type Kind uint8

const (
	NoAnswer     Kind = iota // time-out, reset, cut: nobody knows whether the call was taken
	NotDelivered             // no connection was got: certainly not taken
	Answered                 // a whole HTTP answer, of whomever
)

// Answer is what came back of an attempt.
type Answer struct {
	Began, Ended time.Time
	Kind         Kind
	Err          error // of the transport
	HTTPStatus   int
	RetryAfter   time.Duration // at most 5 minutes; 0: none

	// HasCode says that the body is an answer of the API that could be read whole.
	HasCode bool
	Code    int
	Desc    string

	fail       []entry
	success    []entry
	hasSuccess bool // present, even if empty
}

// entry is one message's entry in fail or success.
type entry struct{ msgID, reason string }

// tolerant reads what others would refuse: the API's own example isn't valid.
var tolerant = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

// read takes what is known out of a body. What can't be read leaves HasCode false.
func (a *Answer) read(body []byte) {
	d := jsontext.NewDecoder(bytes.NewBuffer(body), tolerant...)
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return
	}
	code, hasCode := 0, false
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return
		}
		field := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return
		}
		readable := true
		switch field {
		case "code":
			code, hasCode = integer(value)
			readable = hasCode
		case "desc":
			a.Desc = text(value)
		case "fail":
			a.fail, readable = list(value)
		case "success":
			a.success, readable = list(value)
			a.hasSuccess = value.Kind() != 'n'
		}
		if !readable {
			return
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return
	}
	a.Code, a.HasCode = code, hasCode
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
	s, _ := jsontext.AppendUnquote(nil, v)
	return string(s)
}

// list reads fail or success: an array of objects of msgId and something, a string that holds one, or null.
func list(v jsontext.Value) (entries []entry, ok bool) {
	switch v.Kind() {
	case 'n':
		return nil, true
	case '"':
		inner := strings.TrimSpace(text(v))
		if inner == "" {
			return nil, true
		}
		v = jsontext.Value(inner)
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(v), tolerant...)
	if t, err := d.ReadToken(); err != nil || t.Kind() != '[' {
		return nil, false
	}
	for d.PeekKind() != ']' {
		if d.PeekKind() != '{' {
			return nil, false
		}
		if _, err := d.ReadToken(); err != nil {
			return nil, false
		}
		for d.PeekKind() != '}' {
			name, err := d.ReadToken()
			if err != nil {
				return nil, false
			}
			e := entry{msgID: name.String()}
			value, err := d.ReadValue()
			if err != nil {
				return nil, false
			}
			if value.Kind() != '{' {
				e.reason = text(value)
			}
			entries = append(entries, e)
		}
		if _, err := d.ReadToken(); err != nil {
			return nil, false
		}
	}
	_, err := d.ReadToken()
	return entries, err == nil
}

// find returns the entry of a message.
func find(entries []entry, msgID string) (entry, bool) {
	for _, e := range entries { // ten at most, unless the other side is out of its mind
		if e.msgID == msgID {
			return e, true
		}
	}
	return entry{}, false
}

// bounded is a text of the API that goes into a letter: valid UTF-8 of at most 500 bytes.
func bounded(s string) string {
	const most = 500
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}
