package event

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// WithResendFlag gives the bytes of an event that Decode accepted with only its resendFlag set to 1: in
// place where there is one, or as a last member. The given bytes stay as they are. Of anything that isn't a
// JSON object it gives a copy.
func WithResendFlag(value []byte) []byte {
	at, end := resendFlag(value)
	if at < 0 {
		return bytes.Clone(value)
	}
	if at == end { // no such member: at is where the object closes
		const member = `,"resendFlag":1`
		out := make([]byte, 0, len(value)+len(member))
		out = append(out, value[:at]...)
		out = append(out, member...)
		return append(out, value[at:]...)
	}
	out := make([]byte, 0, len(value))
	out = append(out, value[:at]...)
	out = append(out, '1')
	return append(out, value[end:]...)
}

// resendFlag finds the value of the member of that name in the outermost object, or an empty range where
// it can be added; -1 if value is no object.
func resendFlag(value []byte) (at, end int) {
	d := jsontext.NewDecoder(bytes.NewBuffer(value))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return -1, -1
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return -1, -1
		}
		plainName, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			return -1, -1
		}
		v, err := d.ReadValue()
		if err != nil {
			return -1, -1
		}
		if string(plainName) == "resendFlag" {
			end := int(d.InputOffset())
			return end - len(v), end
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return -1, -1
	}
	brace := int(d.InputOffset()) - 1
	return brace, brace
}
