package imsim

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// descs are the API's texts, as far as they are known, by code.
var descs = map[int]string{
	301: "account is disabled", 302: "wrong user or password", 315: "ip limit", 403: "illegal operation",
	404: "chatroom not exist", 405: "parameter too long", 408: "client request timeout", 414: "parameter error",
	415: "client network problem", 416: tooFast, 417: "repeated operation", 419: "limit of chat rooms exceeded",
	431: "http request repeated", 500: "internal server error", 503: "server busy", 514: "service unavailable",
	13002: "chatroom state abnormal", 13003: "account is in the blocklist of the chatroom",
	13004: "sender is muted", 13005: "anti-spam", 13009: "scheduled closing is not enabled",
}

const tooFast = "query too fast"

// fill is the text of a rule, or the default, about a message.
func fill(text, otherwise string, m *message) string {
	if text == "" {
		text = otherwise
	}
	if m == nil || !strings.Contains(text, "{attach}") {
		return text
	}
	return strings.ReplaceAll(text, "{attach}", string(m.attach))
}

// refusal writes the answer of a code other than 200.
func (c *call) refusal(code int, desc string, codeText bool) {
	c.out = append(c.out, `{"code":`...)
	c.out = appendCode(c.out, code, codeText)
	c.out = append(c.out, `,"desc":`...)
	if !utf8.ValidString(desc) {
		desc = strings.ToValidUTF8(desc, "\uFFFD")
	}
	c.out, _ = jsontext.AppendQuote(c.out, desc)
	c.out = append(c.out, '}')
}

func appendCode(dst []byte, code int, text bool) []byte {
	if !text {
		return strconv.AppendInt(dst, int64(code), 10)
	}
	dst = append(dst, '"')
	return append(strconv.AppendInt(dst, int64(code), 10), '"')
}

// lists writes the answer of code 200, names in the page's order.
func (c *call) lists(t *turn) {
	if t.shuffle {
		c.out = append(c.out, `{"traceId":{"fail":null,"parts":[1.5e3,"]}"]},"fail":`...)
	} else {
		c.out = append(c.out, `{"fail":`...)
	}
	if t.both && !t.bare { // without success there is one list only
		c.appendList(t, (*call).bothEntry)
	} else {
		c.appendList(t, (*call).failEntry)
	}
	c.out = append(c.out, `,"code":`...)
	c.out = appendCode(c.out, 200, t.codeText)
	if !t.bare || c.hides() {
		c.out = append(c.out, `,"success":`...)
		c.appendList(t, (*call).successEntry)
	}
	c.out = append(c.out, '}')
}

// hides says that a message is in neither list. Without success the answer would say that it was shown, and
// no client could know better.
func (c *call) hides() bool {
	for i := range c.messages {
		if c.messages[i].hidden {
			return true
		}
	}
	return false
}

// entry appends the entry of a message, if it has one in this list.
type entry func(c *call, dst []byte, m *message) []byte

// appendList writes one list, as an array or as a string that holds one.
func (c *call) appendList(t *turn, e entry) {
	if !t.asText {
		c.out = c.array(c.out, t, e)
		return
	}
	c.part = c.array(c.part[:0], t, e)
	c.out, _ = jsontext.AppendQuote(c.out, c.part)
}

func (c *call) array(dst []byte, t *turn, e entry) []byte {
	dst = append(dst, '[')
	first := true
	for i := range c.messages {
		if t.shuffle { // backwards, and then some
			i = (len(c.messages) - 1 - i + int(t.dice%7)) % len(c.messages)
		}
		mark := len(dst)
		if !first {
			dst = append(dst, ',')
		}
		from := len(dst)
		if dst = e(c, dst, &c.messages[i]); len(dst) == from {
			dst = dst[:mark]
			continue
		}
		first = false
	}
	return append(dst, ']')
}

// listed says where the true answer names the message, and with which reason.
func (m *message) listed() (List, string) {
	if m.hidden {
		return InNeither, ""
	}
	switch m.verdict {
	case shown, repeated:
		return InSuccess, ""
	case fault:
		return InFail, m.reason
	case resend:
		return InFail, ReasonResend
	case duplicate:
		return InFail, ReasonRepeat
	}
	return InNeither, ""
}

func (c *call) failEntry(dst []byte, m *message) []byte {
	list, reason := m.listed()
	if list != InFail {
		return dst
	}
	dst = append(dst, '{')
	dst = append(dst, m.rawID...)
	dst = append(dst, ':')
	dst, _ = jsontext.AppendQuote(dst, reason)
	return append(dst, '}')
}

// bothEntry is the entry of a message in fail that may be in success, too.
func (c *call) bothEntry(dst []byte, m *message) []byte {
	if list, _ := m.listed(); list != InSuccess {
		return c.failEntry(dst, m)
	}
	dst = append(dst, '{')
	dst = append(dst, m.rawID...)
	dst = append(dst, ':')
	dst, _ = jsontext.AppendQuote(dst, ReasonRefuse)
	return append(dst, '}')
}

// successEntry has the page's details: every number is a string.
func (c *call) successEntry(dst []byte, m *message) []byte {
	if list, _ := m.listed(); list != InSuccess {
		return dst
	}
	dst = append(dst, '{')
	dst = append(dst, m.rawID...)
	dst = append(dst, `:{"ext":`...)
	dst = appendRaw(dst, m.rawExt)
	dst = append(dst, `,"fromNick":`...)
	dst, _ = jsontext.AppendQuote(dst, c.sender)
	dst = append(dst, `,"msgid_client":`...)
	dst = append(dst, m.rawID...)
	dst = append(dst, `,"fromAccount":`...)
	dst, _ = jsontext.AppendQuote(dst, c.sender)
	dst = append(dst, `,"fromClientType":"REST","attach":`...)
	dst = appendRaw(dst, m.rawAttach)
	dst = append(dst, `,"time":"`...)
	dst = strconv.AppendInt(dst, c.began.UnixMilli(), 10)
	dst = append(dst, `","type":"`...)
	dst = strconv.AppendUint(dst, uint64(m.kind), 10)
	dst = append(dst, `","highPriorityFlag":"`...)
	if c.high {
		dst = append(dst, '1')
	} else {
		dst = append(dst, '0')
	}
	dst = append(dst, `","roomId":"`...)
	dst = strconv.AppendInt(dst, c.room, 10)
	return append(dst, `"}}`...)
}

// appendRaw appends a JSON string as it came; one that was absent is empty.
func appendRaw(dst, raw []byte) []byte {
	if raw == nil {
		return append(dst, `""`...)
	}
	return append(dst, raw...)
}
