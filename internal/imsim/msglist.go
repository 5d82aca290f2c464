package imsim

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// lenient: duplicate names are the last one's, as in the parsers that Java servers use.
var lenient = jsontext.AllowDuplicateNames(true)

// parseList reads msgList; "" or what is wrong with it, as the API's desc. seed is for the hashes.
func (c *call) parseList(seed uint64) (wrong string) {
	c.in = *bytes.NewBuffer(c.list)
	c.dec.Reset(&c.in, lenient)
	if t, err := c.dec.ReadToken(); err != nil || t.Kind() != '[' {
		return "msgList is no JSONArray"
	}
	for c.dec.PeekKind() != ']' {
		if len(c.messages) == maxMessages {
			return "msgList has more than 10 messages"
		}
		c.messages = append(c.messages, message{})
		if wrong := c.parseMessage(&c.messages[len(c.messages)-1]); wrong != "" {
			return wrong
		}
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return "msgList is no JSONArray"
	}
	if _, err := c.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return "msgList is no JSONArray"
	}
	if len(c.messages) == 0 {
		return "msgList is empty"
	}
	return c.identify(seed)
}

// identify hashes the messages, and refuses a msgId that stands twice: the page doesn't say what becomes
// of it, and its answer, keyed by msgId, couldn't tell them apart.
func (c *call) identify(seed uint64) string {
	salt := mix(seed ^ mix(uint64(c.room)))
	for i := range c.messages {
		c.messages[i].hash = mix(hashOf(salt, c.messages[i].id))
		for j := range i {
			if c.messages[j].hash == c.messages[i].hash {
				return "msgId is in msgList twice"
			}
		}
	}
	return ""
}

func (c *call) parseMessage(m *message) (wrong string) {
	if t, err := c.dec.ReadToken(); err != nil || t.Kind() != '{' {
		return "msgList has an entry that is no object"
	}
	for c.dec.PeekKind() != '}' {
		name, ok := c.value()
		if !ok {
			return "msgList is no JSONArray"
		}
		value, ok := c.value()
		if !ok {
			return "msgList is no JSONArray"
		}
		set := fieldOf(name)
		if set == nil {
			continue
		}
		if wrong := set(c, m, value); wrong != "" {
			return wrong
		}
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return "msgList is no JSONArray"
	}
	switch {
	case len(m.id) == 0:
		return "msgId is empty"
	case !m.typed:
		return "msgType is empty"
	}
	return ""
}

// field reads one value of a message.
type field func(c *call, m *message, value jsontext.Value) (wrong string)

// value reads a value. It is cut out of msgList, since what the decoder gives is only good until its next read.
func (c *call) value() (jsontext.Value, bool) {
	v, err := c.dec.ReadValue()
	if err != nil {
		return nil, false
	}
	end := int(c.dec.InputOffset())
	return c.list[end-len(v) : end : end], true
}

// fieldOf is the reader for a name as it stands in JSON; nil: the name is unknown.
func fieldOf(name jsontext.Value) field {
	if bytes.IndexByte(name, '\\') >= 0 { // a name with escapes, which nobody writes
		plain, _ := jsontext.AppendUnquote(nil, name)
		name, _ = jsontext.AppendQuote(nil, plain)
	}
	switch string(name) {
	case `"msgId"`:
		return readID
	case `"msgType"`:
		return readType
	case `"attach"`:
		return readAttach
	case `"ext"`:
		return readExt
	case `"subType"`:
		return readSubType
	case `"resendFlag"`:
		return readFlag
	}
	return nil
}

func readID(c *call, m *message, value jsontext.Value) (wrong string) {
	m.rawID = value
	m.id, wrong = c.text("msgId", value)
	return wrong
}

func readAttach(c *call, m *message, value jsontext.Value) (wrong string) {
	m.rawAttach = value
	if m.attach, wrong = c.text("attach", value); wrong == "" && characters(m.attach) > maxText {
		wrong = "msgContents size exceeded: attach is longer than 4096"
	}
	return wrong
}

func readExt(c *call, m *message, value jsontext.Value) (wrong string) {
	m.rawExt = value
	if m.ext, wrong = c.text("ext", value); wrong == "" && characters(m.ext) > maxText {
		wrong = "ext is longer than 4096"
	}
	return wrong
}

func readType(_ *call, m *message, value jsontext.Value) string {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || !knownType(n) {
		return "msgType is none of 0 1 2 3 4 6 10 100"
	}
	m.kind, m.typed = uint8(n), true
	return ""
}

func readSubType(_ *call, _ *message, value jsontext.Value) string {
	if n, err := strconv.ParseInt(string(value), 10, 64); err != nil || n <= 0 {
		return "subType is no number above 0"
	}
	return ""
}

func readFlag(_ *call, m *message, value jsontext.Value) string {
	switch string(value) {
	case "0":
		m.flag = 0
	case "1":
		m.flag = 1
	default:
		return "resendFlag is neither 0 nor 1"
	}
	return ""
}

// text takes quotes and escapes off a JSON string. What comes out may point into value.
func (c *call) text(name string, value jsontext.Value) ([]byte, string) {
	if value.Kind() != '"' {
		return nil, name + " is no string"
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], ""
	}
	from := len(c.texts)
	c.texts, _ = jsontext.AppendUnquote(c.texts, value)
	return c.texts[from:len(c.texts):len(c.texts)], ""
}
