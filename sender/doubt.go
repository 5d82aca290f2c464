package sender

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	refusedCalls = 20 // in a row: by then it is the setting and not the messages
	refusedRooms = 3  // among them: one closed room refuses everything, too
)

// doubt is about refusals: a wrong setting must never drain a topic into letters, and a message must never
// stop a worker.
type doubt struct {
	welcome  bool   // some call was answered 200 since the start
	taken    newest // calls answered 200, by when they began
	answered newest // calls answered 200 or refused, by when they ended
	allBad   streak // calls that were refused whole
	senders  map[roomSender]*refusals
}

func newDoubt() doubt {
	return doubt{allBad: streak{calls: refusedCalls, over: refusedRooms}, senders: map[roomSender]*refusals{}}
}

// refused notes a call that was refused whole. It says why that is the worker's set-up rather than the
// message, if so.
func (d *doubt) refused(room int64, a *Answer) (why string) {
	all := d.allBad.add(room)
	switch {
	case a.Code == 414 && !d.welcome:
		return "the API refuses the parameters (414), and has taken no call since the start: check app-key and api-endpoint, and what is published"
	case all:
		return fmt.Sprintf("the last %d calls, in several rooms, were all refused (%d): check that app-key and api-endpoint are those of these rooms", refusedCalls, a.Code)
	}
	return ""
}

// accepted notes a call that was answered 200.
func (d *doubt) accepted(x *Call) {
	d.welcome = true
	d.allBad.end()
	d.taken.note(x.Room, x.begun)
}

type roomSender struct {
	room   int64
	sender string
}

// refusals is what a sender in a room was refused for, one message at a time.
type refusals struct {
	code  int
	ids   []string // different messages, up to sureAfter
	until time.Time
}

const (
	sureAfter   = 3                // different messages refused alone with the same code
	sureFor     = 30 * time.Second // a mute or a closed room lasts longer, and is found again by three calls
	mostSenders = 10_000           // remembered at once; forgetting one costs a few calls
)

// personal are the codes that speak of the room or of the sender, not of a message.
func personal(code int) bool {
	switch code {
	case 403, 404, 13002, 13003, 13004:
		return true
	}
	return false
}

// refusedAlone notes a message that was refused alone.
func (d *doubt) refusedAlone(now time.Time, k roomSender, code int, msgID string) {
	if !personal(code) {
		return
	}
	r := d.senders[k]
	if r == nil || r.code != code {
		evict(d.senders, mostSenders)
		k.sender = strings.Clone(k.sender) // or it would keep the record alive
		r = &refusals{code: code}
		d.senders[k] = r
	}
	if slices.Contains(r.ids, msgID) {
		return
	}
	if r.ids = append(r.ids, strings.Clone(msgID)); len(r.ids) >= sureAfter {
		r.ids = r.ids[:sureAfter-1] // the next one alone is as good as the third
		r.until = now.Add(sureFor)
	}
}

// sure says that the code is what every message of the sender gets in this room now.
func (d *doubt) sure(now time.Time, k roomSender, code int) bool {
	r := d.senders[k]
	return r != nil && r.code == code && r.until.After(now)
}

func (d *doubt) delivered(k roomSender) { delete(d.senders, k) }
