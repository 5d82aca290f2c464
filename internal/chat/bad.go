package chat

import (
	"bytes"
	"strconv"
	"strings"
)

// spoilers make a valid message one that no worker may send. Each breaks one rule of the event.
var spoilers = []func(m *maker, x *message) []byte{
	func(*maker, *message) []byte { return []byte("not JSON at all") },
	func(*maker, *message) []byte { return []byte{} },
	func(*maker, *message) []byte { return []byte(`[{"roomid":1}]`) },
	func(_ *maker, x *message) []byte { b := x.encode(); return b[:len(b)/2] },
	func(_ *maker, x *message) []byte { return append(x.encode(), " {}"...) },
	func(_ *maker, x *message) []byte { return without(x, "roomid") },
	func(_ *maker, x *message) []byte { return without(x, "fromAccid") },
	func(_ *maker, x *message) []byte { return without(x, "msgId") },
	func(_ *maker, x *message) []byte { // names are case-sensitive
		return bytes.Replace(x.encode(), []byte(`"roomid"`), []byte(`"roomId"`), 1)
	},
	func(_ *maker, x *message) []byte { x.kind = 7; return x.encode() },
	func(_ *maker, x *message) []byte { return with(x, `"resendFlag":2`) },
	func(_ *maker, x *message) []byte { return with(x, `"abandonRatio":10000`) },
	func(_ *maker, x *message) []byte { return with(x, `"msgId":"again"`) }, // a name twice
	func(_ *maker, x *message) []byte { // a byte that no UTF-8 has
		return append(without(x, "attach"), ",\"attach\":\"\xff\"}"...)
	},
	func(m *maker, x *message) []byte { // one unit too long, though fewer characters
		x.kind, x.attach, x.object = 0, exactly(strings.Repeat("😀", longest), longest+1), false
		return x.encode()
	},
	func(_ *maker, x *message) []byte { // no room is that far out
		return bytes.Replace(x.encode(), []byte(strconv.FormatInt(x.room, 10)), []byte("99999999999999999999"), 1)
	},
}

func (m *maker) spoil(x *message) []byte {
	x.resend, x.options = false, ""
	if x.form == 4 {
		x.form = 0 // it would write a resendFlag of its own
	}
	return spoilers[m.rng.IntN(len(spoilers))](m, x)
}

// with is the message with one more member.
func with(x *message, member string) []byte {
	b := x.encode()
	b[len(b)-1] = ','
	return append(append(b, member...), '}')
}

// without is the message with a member renamed to one that nobody knows; of attach, that is left open for
// what follows.
func without(x *message, name string) []byte {
	b := bytes.Replace(x.encode(), []byte(`"`+name+`"`), []byte(`"x-`+name+`"`), 1)
	if name == "attach" {
		return b[:len(b)-1]
	}
	return b
}
