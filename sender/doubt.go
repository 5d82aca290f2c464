package sender

import "time"

const (
	refusedCalls = 20 // in a row: by then it is the setting and not the messages
	refusedRooms = 3  // among them: one closed room refuses everything, too
)

// doubt is about refusals: a wrong setting must never drain a topic into letters.
type doubt struct {
	welcome bool    // some call was answered 200 since the start
	rooms   []int64 // of the last calls, all refused whole

	senders map[roomSender]*refusals
	ok      answers // with 200
	any     answers // 200 or refused
}

// refused notes a call that was refused whole, and says whether that is now how every call ends.
func (d *doubt) refused(room int64) (all bool) {
	if len(d.rooms) == refusedCalls {
		copy(d.rooms, d.rooms[1:])
		d.rooms = d.rooms[:refusedCalls-1]
	}
	d.rooms = append(d.rooms, room)
	return len(d.rooms) == refusedCalls && distinct(d.rooms) >= refusedRooms
}

func (d *doubt) listed(now time.Time, room int64) {
	d.welcome = true
	d.rooms = d.rooms[:0]
	d.ok.note(now, room)
}

// answers remembers when rooms were last answered, so far that "another room" can be told.
type answers struct {
	room   int64
	at     time.Time // the newest answer, of room
	before time.Time // the newest of any other room
}

func (a *answers) note(now time.Time, room int64) {
	if room != a.room && !a.at.IsZero() {
		a.before = a.at
	}
	a.room, a.at = room, now
}

// since says whether a room other than this one was answered after t.
func (a *answers) since(t time.Time, room int64) bool {
	if a.room != room {
		return a.at.After(t)
	}
	return a.before.After(t)
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
	if d.senders == nil {
		d.senders = map[roomSender]*refusals{}
	}
	r := d.senders[k]
	if r == nil || r.code != code {
		if len(d.senders) >= mostSenders {
			for old := range d.senders { // whichever comes first: any will do
				delete(d.senders, old)
				break
			}
		}
		r = &refusals{code: code}
		d.senders[k] = r
	}
	for _, id := range r.ids {
		if id == msgID {
			return
		}
	}
	if r.ids = append(r.ids, msgID); len(r.ids) >= sureAfter {
		r.ids = r.ids[:sureAfter-1] // the next one alone is as good as the third
		r.until = now.Add(sureFor)
	}
}

// sure says that the code is what every message of the sender gets in this room now.
func (d *doubt) sure(now time.Time, k roomSender, code int) bool {
	r := d.senders[k]
	return r != nil && r.code == code && r.until.After(now)
}

func (d *doubt) delivered(k roomSender) {
	if d.senders != nil {
		delete(d.senders, k)
	}
}
