package event

import "strconv"

// The form body of a call, as the page's example has it, percent-encoded in one pass:
//
//	roomid=..&fromAccid=..&<options>&msgList=[{"attach":..,"ext":..,"msgId":..,"msgType":..,"subType":..,"resendFlag":..},..]

// SeparatorBytes is what stands between two messages of an encoded body.
const SeparatorBytes = len(separator)

const (
	separator = "%2C"
	open      = "%5B"
	shut      = "%5D"
	quote     = "%22"
)

// plain is the bytes that stand for themselves in a form value.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~'
	}
	return t
}()

// CanShare says whether two events may go in one request: same room, sender and options.
func CanShare(a, b *Event) bool {
	return a.Room == b.Room && a.Sender == b.Sender && a.Options == b.Options
}

// MessageBytes is the length of what AppendMessage appends.
func (e *Event) MessageBytes() int { return e.messageBytes }

// EnvelopeBytes is the length of a body without its messages and what separates them.
func (e *Event) EnvelopeBytes() int {
	n := len("roomid=&fromAccid=&msgList=") + len(open) + len(shut)
	var digits [20]byte
	n += len(strconv.AppendInt(digits[:0], e.Room, 10)) + escapedBytes(e.Sender)
	if e.Options != "" {
		n += len("&") + len(e.Options)
	}
	return n
}

// AppendBody appends the whole form body of a call with these events, which must be able to share it.
// Each goes with its Flag.
func AppendBody(dst []byte, batch []*Event) []byte {
	e := batch[0]
	dst = append(dst, "roomid="...)
	dst = strconv.AppendInt(dst, e.Room, 10)
	dst = append(dst, "&fromAccid="...)
	dst = appendEscaped(dst, e.Sender)
	if e.Options != "" {
		dst = append(dst, '&')
		dst = append(dst, e.Options...)
	}
	dst = append(dst, "&msgList="+open...)
	for i, e := range batch {
		if i > 0 {
			dst = append(dst, separator...)
		}
		dst = e.AppendMessage(dst, e.Flag)
	}
	return append(dst, shut...)
}

// AppendMessage appends the event's entry in msgList, percent-encoded.
func (e *Event) AppendMessage(dst []byte, flag uint8) []byte {
	dst = append(dst, "%7B"...)
	if e.HasAttach {
		dst = append(dst, quote+"attach"+quote+"%3A"...)
		dst = appendString(dst, e.Attach)
		dst = append(dst, separator...)
	}
	if e.HasExt {
		dst = append(dst, quote+"ext"+quote+"%3A"...)
		dst = appendString(dst, e.Ext)
		dst = append(dst, separator...)
	}
	dst = append(dst, quote+"msgId"+quote+"%3A"...)
	dst = appendString(dst, e.MsgID)
	dst = append(dst, separator+quote+"msgType"+quote+"%3A"...)
	dst = strconv.AppendInt(dst, int64(e.Type), 10)
	if e.SubType > 0 {
		dst = append(dst, separator+quote+"subType"+quote+"%3A"...)
		dst = strconv.AppendInt(dst, e.SubType, 10)
	}
	dst = append(dst, separator+quote+"resendFlag"+quote+"%3A"...)
	return append(dst, '0'+flag, '%', '7', 'D')
}

// countMessage is len(AppendMessage) without appending.
func (e *Event) countMessage() int {
	var digits [20]byte
	n := len("%7B"+quote+"msgId"+quote+"%3A"+separator+quote+"msgType"+quote+"%3A"+separator+quote+"resendFlag"+quote+"%3A"+"0%7D") +
		stringBytes(e.MsgID) + len(strconv.AppendInt(digits[:0], int64(e.Type), 10))
	if e.HasAttach {
		n += len(quote+"attach"+quote+"%3A"+separator) + stringBytes(e.Attach)
	}
	if e.HasExt {
		n += len(quote+"ext"+quote+"%3A"+separator) + stringBytes(e.Ext)
	}
	if e.SubType > 0 {
		n += len(separator+quote+"subType"+quote+"%3A") + len(strconv.AppendInt(digits[:0], e.SubType, 10))
	}
	return n
}

const hex = "0123456789ABCDEF"

// appendEscaped appends s as a form value.
func appendEscaped(dst []byte, s string) []byte {
	begin := 0
	for i := range len(s) {
		c := s[i]
		if plain[c] {
			continue
		}
		dst = append(dst, s[begin:i]...)
		dst = append(dst, '%', hex[c>>4], hex[c&15])
		begin = i + 1
	}
	return append(dst, s[begin:]...)
}

func escapedBytes(s string) int {
	n := len(s)
	for i := range len(s) {
		if !plain[s[i]] {
			n += 2
		}
	}
	return n
}

// appendString appends s as a JSON string within a form value. Of what JSON must escape, a quotation mark
// and a backslash take a backslash, and control characters their \u form.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, quote...)
	begin := 0
	for i := range len(s) {
		c := s[i]
		if plain[c] {
			continue
		}
		dst = append(dst, s[begin:i]...)
		begin = i + 1
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '%', '5', 'C', '%', hex[c>>4], hex[c&15])
		case c < 0x20:
			dst = append(dst, '%', '5', 'C', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	dst = append(dst, s[begin:]...)
	return append(dst, quote...)
}

func stringBytes(s string) int {
	n := 2*len(quote) + len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case plain[c]:
		case c == '"' || c == '\\':
			n += 5
		case c < 0x20:
			n += 7
		default:
			n += 2
		}
	}
	return n
}
