package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// With gives the bytes of a JSON object with only one member of it set: in place where there is one of the
// name, or as a last member. literal is its value as JSON. The given bytes stay as they are. Of anything that
// isn't a JSON object it gives a copy.
func With(value []byte, name string, literal []byte) []byte {
	at, end, first := find(value, name)
	if at < 0 {
		return bytes.Clone(value)
	}
	var prefix []byte
	if at == end { // no such member: at is where the object closes
		if !first {
			prefix = append(prefix, ',')
		}
		prefix = append(prefix, strconv.Quote(name)...)
		prefix = append(prefix, ':')
	}
	out := make([]byte, 0, len(value)+len(prefix)+len(literal))
	out = append(out, value[:at]...)
	out = append(out, prefix...)
	out = append(out, literal...)
	return append(out, value[end:]...)
}

// find finds the value of the member of that name in the outermost object, or an empty range where it can be
// added, and whether it would be the first there; -1 if value is no object.
func find(value []byte, member string) (at, end int, first bool) {
	d := jsontext.NewDecoder(bytes.NewBuffer(value))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return -1, -1, false
	}
	first = true
	for d.PeekKind() != '}' {
		first = false
		name, err := d.ReadValue()
		if err != nil {
			return -1, -1, false
		}
		plainName, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			return -1, -1, false
		}
		v, err := d.ReadValue()
		if err != nil {
			return -1, -1, false
		}
		if string(plainName) == member {
			end := int(d.InputOffset())
			return end - len(v), end, false
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return -1, -1, false
	}
	brace := int(d.InputOffset()) - 1
	return brace, brace, first
}

// texts are the fields whose value is a string; objects those that may be an object instead.
var (
	texts   = []string{"fromAccid", "msgId", "attach", "ext"}
	objects = []string{"attach", "ext"}
	numbers = []string{"roomid", "msgType", "subType", "resendFlag"}
)

// Literal is the JSON of a field's value as a person writes it: text needs no quotation marks, and attach and
// ext may be an object. The error says that there is no such field, or what it takes; whether the value is
// allowed is Decode's matter.
func Literal(field, text string) ([]byte, error) {
	kind := number
	switch i, option := optionIndex[field]; {
	case option:
		kind = catalogue[i].kind
	case slices.Contains(texts, field):
		kind = textKind
	case !slices.Contains(numbers, field):
		return nil, fmt.Errorf("%q is no field of an event; names are case-sensitive", field)
	}
	if kind == textKind && (!slices.Contains(objects, field) || !strings.HasPrefix(text, "{") || !json.Valid([]byte(text))) {
		return jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\uFFFD"))
	}
	if !json.Valid([]byte(text)) {
		return nil, fmt.Errorf("%s: %q is no number, and neither true nor false", field, text)
	}
	return []byte(text), nil
}
