package chat

import (
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// message is a valid message before it is encoded.
type message struct {
	room    int64
	sender  string
	id      string
	kind    int    // msgType
	attach  string // text, or an object's JSON if object is set
	object  bool
	ext     string // JSON; "": none
	extBare bool   // ext is written as an object, not as a string
	subType int
	options string // further members, written as they are
	resend  bool
	form    int // how it is written where producers differ
}

// kinds are msgTypes with how often they come in a hundred messages.
var kinds = []struct{ kind, weight int }{{0, 72}, {100, 8}, {10, 6}, {1, 6}, {2, 3}, {3, 2}, {4, 2}, {6, 1}}

// options are request-level options that producers set now and then: messages of one sender with different
// ones can't share a call.
var options = []string{
	`"ignoreMute":true`,
	`"skipHistory":1`,
	`"highPriority":true`,
	`"useYidun":0`,
	`"env":"staging","route":0`,
}

func (m *maker) fill(x *message) {
	turn := m.rng.IntN(100)
	for _, k := range kinds {
		if turn -= k.weight; turn < 0 {
			x.kind = k.kind
			break
		}
	}
	switch x.kind {
	case 0:
		x.attach = m.texts.say()
	case 10:
		x.attach = x.sender + m.texts.deed()
	case 100:
		x.attach, x.object = m.custom(), true
		x.subType = m.rng.IntN(3)
	default:
		x.attach, x.object = m.media(x.kind), true
	}
	if m.rng.IntN(12) == 0 {
		x.ext, x.extBare = m.ext(), m.rng.IntN(2) == 0
	}
	if m.rng.IntN(80) == 0 {
		x.options = options[m.rng.IntN(len(options))]
	}
}

// media is the body of an image, audio, video, location or file message, as the API's page shows them.
func (m *maker) media(kind int) string {
	number := m.rng.Uint64()
	url := fmt.Sprintf("https://nim.example/%016x", number)
	size := m.rng.IntN(5 << 20)
	switch kind {
	case 1:
		return fmt.Sprintf(`{"name":"IMG_%04d.jpg","md5":"%032x","url":"%s","ext":"jpg","w":%d,"h":%d,"size":%d}`, number%10000, number, url, 320+m.rng.IntN(3000), 240+m.rng.IntN(2000), size)
	case 2:
		return fmt.Sprintf(`{"dur":%d,"md5":"%032x","url":"%s","ext":"aac","size":%d}`, 500+m.rng.IntN(59_500), number, url, size)
	case 3:
		return fmt.Sprintf(`{"dur":%d,"md5":"%032x","url":"%s","w":360,"h":480,"ext":"mp4","size":%d}`, 1000+m.rng.IntN(300_000), number, url, size)
	case 4:
		return fmt.Sprintf(`{"title":%s,"lng":%.6f,"lat":%.6f}`, quote(m.texts.phrase(4)), m.rng.Float64()*360-180, m.rng.Float64()*170-85)
	default:
		return fmt.Sprintf(`{"name":%s,"md5":"%032x","url":"%s","ext":"pdf","size":%d}`, quote(m.texts.phrase(2)+".pdf"), number, url, size)
	}
}

func (m *maker) custom() string {
	return fmt.Sprintf(`{"type":%d,"data":{"gift":%s,"count":%d,"path":"a\/b\\c","note":%s}}`, 1+m.rng.IntN(9), quote(m.texts.emoji()), 1+m.rng.IntN(99), quote(m.texts.phrase(3)))
}

func (m *maker) ext() string {
	return fmt.Sprintf(`{"lang":"%s","client":"%d.%d","trace":"%016x"}`, []string{"en", "zh", "ar", "hi", "th"}[m.rng.IntN(5)], m.rng.IntN(9), m.rng.IntN(30), m.rng.Uint64())
}

func quote(s string) string {
	// Only invalid UTF-8 makes AppendQuote fail, and all texts here are valid.
	b, _ := jsontext.AppendQuote(nil, s)
	return string(b)
}

// encode writes the message in one of the forms that producers use: numbers or strings, objects or their
// text, with or without spaces and fields that the worker doesn't know.
func (x *message) encode() []byte {
	w := writer{b: make([]byte, 0, 128+len(x.attach)), spaced: x.form == 1}
	if x.form == 2 {
		w.member("roomid", `"`+strconv.FormatInt(x.room, 10)+`"`)
	} else {
		w.member("roomid", strconv.FormatInt(x.room, 10))
	}
	w.member("fromAccid", quote(x.sender))
	w.member("msgId", quote(x.id))
	w.member("msgType", strconv.Itoa(x.kind))
	switch {
	case x.object && x.form%2 == 0:
		w.member("attach", x.attach)
	default:
		w.member("attach", quote(x.attach))
	}
	if x.ext != "" {
		if x.extBare {
			w.member("ext", x.ext)
		} else {
			w.member("ext", quote(x.ext))
		}
	}
	if x.subType > 0 {
		w.member("subType", strconv.Itoa(x.subType))
	}
	if x.form == 3 {
		w.member("sentBy", `{"app":"chat","shard":3}`)
	}
	switch {
	case x.resend:
		w.member("resendFlag", "1")
	case x.form == 4:
		w.member("resendFlag", "0")
	}
	if x.options != "" {
		w.raw(x.options)
	}
	return append(w.b, '}')
}

// writer writes the members of an object.
type writer struct {
	b      []byte
	spaced bool
}

func (w *writer) member(name, value string) {
	w.next()
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
	if w.spaced {
		w.b = append(w.b, ' ')
	}
	w.b = append(w.b, value...)
}

func (w *writer) raw(members string) {
	w.next()
	w.b = append(w.b, members...)
}

func (w *writer) next() {
	if len(w.b) == 0 {
		w.b = append(w.b, '{')
		return
	}
	w.b = append(w.b, ',')
	if w.spaced {
		w.b = append(w.b, '\n', ' ')
	}
}
