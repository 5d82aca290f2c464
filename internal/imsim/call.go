package imsim

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// call is one call while it is answered. It is used again for another one, so that a call leaves next to
// nothing behind to be collected; nothing outside may keep its slices.
type call struct {
	number   int64
	host     string
	began    time.Time
	body     []byte // decoded in place: most slices below point into it
	room     int64
	sender   []byte
	list     []byte // msgList
	high     bool   // highPriority
	options  []byte // for the hook only
	messages []message
	taken    bool

	texts []byte // msgIds and texts that stood there with escapes
	out   []byte // the answer's body
	part  []byte // a part of it, or what is signed
	dec   jsontext.Decoder
	in    bytes.Buffer
}

// message is an entry of msgList.
type message struct {
	id, attach, ext          []byte
	rawID, rawAttach, rawExt []byte // as JSON strings, just as they came: the answer says them again
	kind, flag               uint8
	typed                    bool // msgType was there
	hash                     uint64
	verdict                  verdict
	reason                   string // of verdict fault
	hidden                   bool   // left out of both lists
	now                      bool   // this call showed it
	from, to                 int    // in the texts to be kept
	attachKept               uint32
}

// most is the largest body that is read: ten messages of 4096 + 4096 characters, each of three bytes and
// percent-encoded, are 740,000 bytes.
const most = 4 << 20

// big is the largest capacity that goes back into the pool.
const big = 1 << 20

func (s *Sim) put(c *call) {
	if cap(c.body)+cap(c.out)+cap(c.part)+cap(c.texts) > big {
		return
	}
	clear(c.messages)
	s.calls.Put(c)
}

// begin forgets the call before.
func (c *call) begin(now time.Time) {
	c.began, c.room, c.sender, c.list, c.high, c.taken = now, 0, nil, nil, false, false
	c.body, c.options, c.messages, c.texts, c.out, c.part = c.body[:0], c.options[:0], c.messages[:0], c.texts[:0], c.out[:0], c.part[:0]
}

var errTooLarge = errors.New("body too large")

// read reads the body to its end (only then does net/http notice that a client goes away).
func (c *call) read(r *http.Request) error {
	if r.ContentLength > most {
		return errTooLarge
	}
	if need := int(r.ContentLength) + 1; cap(c.body) < need {
		c.body = make([]byte, 0, need)
	}
	for {
		if len(c.body) == cap(c.body) {
			c.body = append(c.body, 0)[:len(c.body)]
		}
		n, err := r.Body.Read(c.body[len(c.body):cap(c.body)])
		c.body = c.body[:len(c.body)+n]
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case len(c.body) > most:
			return errTooLarge
		}
	}
}

// parse reads the form; "" or what is wrong with it, as the API's desc.
func (c *call) parse(keepOptions bool) (wrong string) {
	var seen [3]bool // roomid, fromAccid, msgList: of a repeated one the first counts, as in a servlet
	roomID := []byte(nil)
	for rest := c.body; len(rest) > 0; {
		var rawName, rawValue []byte
		rawName, rawValue, rest = nextPair(rest)
		name, fine := decode(rawName)
		value, well := decode(rawValue)
		if !fine || !well {
			return "form encoding is broken"
		}
		switch string(name) {
		case "roomid":
			if !seen[0] {
				roomID, seen[0] = value, true
			}
		case "fromAccid":
			if !seen[1] {
				c.sender, seen[1] = value, true
			}
		case "msgList":
			if !seen[2] {
				c.list, seen[2] = value, true
			}
		default:
			if wrong := c.option(name, value, keepOptions); wrong != "" {
				return wrong
			}
		}
	}
	return c.required(roomID)
}

func (c *call) option(name, value []byte, keep bool) string {
	if keep && len(name) > 0 {
		if len(c.options) > 0 {
			c.options = append(c.options, '&')
		}
		c.options = append(append(append(c.options, name...), '='), value...)
	}
	limit, known := options[string(name)]
	if !known {
		return ""
	}
	if wrong := limit(value); wrong != "" {
		return string(name) + " " + wrong
	}
	if string(name) == "highPriority" {
		c.high = string(value) == "true"
	}
	return ""
}

func (c *call) required(roomID []byte) string {
	if len(roomID) == 0 {
		return "roomid is empty"
	}
	room, err := strconv.ParseInt(string(roomID), 10, 64)
	if err != nil {
		return "roomid is no number"
	}
	if room <= 0 {
		return "roomid must be above 0"
	}
	c.room = room
	switch {
	case len(c.sender) == 0:
		return "fromAccid is empty"
	case !utf8.Valid(c.sender):
		return "fromAccid is no UTF-8"
	case characters(c.sender) > 32:
		return "fromAccid is longer than 32"
	case len(c.list) == 0:
		return "msgList is empty"
	}
	return ""
}

// arrived tells the hook of the call before anything is decided about it.
func (c *call) arrived(hook func(Call)) {
	x := c.heading()
	for i := range c.messages {
		x.Messages = append(x.Messages, Sent{MsgID: string(c.messages[i].id), Flag: c.messages[i].flag})
	}
	hook(x)
}

// notice tells the hook of the call and of what became of it.
func (c *call) notice(hook func(Call), out outcome) {
	x := c.heading()
	x.Ended, x.Code, x.Status, x.Taken, x.Fault = time.Now(), out.code, out.status, c.taken, out.fault
	x.Messages = make([]Sent, len(c.messages))
	for i := range c.messages {
		m := &c.messages[i]
		list, reason := m.listed()
		x.Messages[i] = Sent{string(m.id), m.flag, m.now, list, reason}
	}
	hook(x)
}

func (c *call) heading() Call {
	return Call{Number: c.number, Host: c.host, Began: c.began, Room: c.room, Sender: string(c.sender), Options: string(c.options)}
}
