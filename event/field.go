package event

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/go-json-experiment/json/jsontext"
)

// contentLimit is the page's limit for attach and ext: "up to 4096 characters". The page doesn't say what
// a character is; UTF-16 units, the platform's own and the stricter reading, are never too many.
const contentLimit = 4096

// member reads one member of the event's object. Names that the API doesn't know stay in the record.
func (d *decoding) member(name string, value []byte) (err error) {
	switch name {
	case "roomid":
		d.seen.room = true
		d.Room, err = d.room(value)
	case "fromAccid":
		d.seen.sender = true
		d.Sender, err = d.name(name, value)
	case "msgId":
		d.seen.msgID = true
		d.MsgID, err = d.name(name, value)
	case "msgType":
		d.seen.msgType = true
		d.Type, err = msgType(value)
	case "attach":
		d.HasAttach = true
		d.Attach, err = d.content(name, value)
	case "ext":
		d.HasExt = true
		d.Ext, err = d.content(name, value)
	case "subType":
		d.SubType, err = integer(name, value, 1, 1<<31-1) // the page: Integer, greater than 0
	case "resendFlag":
		var flag int64
		flag, err = integer(name, value, 0, 1)
		d.Resend = uint8(flag)
	default:
		if i, ok := optionIndex[name]; ok {
			err = d.option(i, value)
		}
	}
	return err
}

func (d *decoding) room(value []byte) (int64, error) {
	digits := share(value)
	if value[0] == '"' {
		digits = d.text(value)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !decimal(digits) {
		return 0, invalid("roomid", "is %s, want an integer of 64 bits, as a number or a decimal string", kind(value))
	}
	return n, nil
}

// decimal leaves out the one thing that ParseInt takes in base 10 and JSON doesn't know: a plus sign.
func decimal(s string) bool {
	return s != "" && s[0] != '+'
}

func (d *decoding) name(field string, value []byte) (string, error) {
	if value[0] != '"' {
		return "", invalid(field, "is %s, want a string", kind(value))
	}
	s := d.text(value)
	if s == "" {
		return "", invalid(field, "is empty")
	}
	return s, nil
}

func msgType(value []byte) (int, error) {
	n, err := integer("msgType", value, 0, 100)
	if err != nil {
		return 0, invalid("msgType", "is %s, want one of 0 1 2 3 4 6 10 100", kind(value))
	}
	switch n {
	case 0, 1, 2, 3, 4, 6, 10, 100:
		return int(n), nil
	}
	return 0, invalid("msgType", "is %d, want one of 0 1 2 3 4 6 10 100", n)
}

// content is attach or ext: a string, or an object, which stands for its own compacted bytes.
func (d *decoding) content(field string, value []byte) (string, error) {
	var s string
	switch value[0] {
	case '"':
		s = d.text(value)
	case '{':
		v := jsontext.Value(bytes.Clone(value))
		if err := v.Compact(); err != nil {
			return "", invalid(field, "can't be compacted")
		}
		if s = share(v); len(v) < len(value) {
			s = strings.Clone(s) // or a little text would hold the memory of whatever space was in it
		}
	default:
		return "", invalid(field, "is %s, want a string or an object", kind(value))
	}
	if err := limit(field, s, contentLimit); err != nil {
		return "", err // without s: a refused event holds no memory beyond its record
	}
	return s, nil
}

// limit checks a length in UTF-16 units.
func limit(field, s string, most int) error {
	if len(s) <= most { // a unit takes at least a byte
		return nil
	}
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	if n > most {
		return invalid(field, "has %d characters (UTF-16 units), at most %d are allowed", n, most)
	}
	return nil
}

func integer(field string, value []byte, least, most int64) (int64, error) {
	n, err := strconv.ParseInt(share(value), 10, 64)
	if err != nil || n < least || n > most {
		if least == most {
			return 0, invalid(field, "is %s, want %d", kind(value), least)
		}
		return 0, invalid(field, "is %s, want an integer from %d to %d", kind(value), least, most)
	}
	return n, nil
}

// kind says what a value is, without saying it.
func kind(value []byte) string {
	switch value[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	if len(value) <= 20 { // a number tells nothing about anybody, and helps to find the mistake
		return string(value)
	}
	return "a number of " + strconv.Itoa(len(value)) + " digits"
}
