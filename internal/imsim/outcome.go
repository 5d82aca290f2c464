package imsim

import (
	"time"
)

// Shown is a message as a room was shown it.
type Shown struct {
	Room   int64     `json:"roomid"`
	Sender string    `json:"fromAccid"`
	MsgID  string    `json:"msgId"`
	Type   int       `json:"msgType"`
	Attach string    `json:"attach"`
	Ext    string    `json:"ext"`
	Resend uint8     `json:"resend"` // the resendFlag with which it came
	At     time.Time `json:"at"`
}

// Call is what a test is told of one call.
type Call struct {
	Number       int64     // of the calls so far, from 1: it joins what OnArrival and OnCall tell
	Host         string    // to which the call was addressed
	Began, Ended time.Time // when it had arrived, and when its answer (or the lack of one) began to go out
	Room         int64     // 0: it couldn't be read
	Sender       string
	Options      string // the other parameters as name=value, decoded, joined by &, as they came
	Messages     []Sent
	Code         int    // the API's code; 0: the answer had none
	Status       int    // the HTTP status; 0: there was no answer
	Taken        bool   // what could be taken of it was
	Fault        string // the name of the rule that took the place of the answer; "" if none did
}

// Sent is a message of a call. But for MsgID and Flag it is what OnCall alone can know.
type Sent struct {
	MsgID  string
	Flag   uint8
	Shown  bool   // this call showed it
	Listed List   // where the true answer names it; without meaning if the call wasn't answered with code 200
	Reason string // beside it, in `fail`
}

// List is where an answer names a message.
type List uint8

// The lists.
const (
	InNeither List = iota
	InSuccess
	InFail
)

// Stats are numbers since the start or the last Reset.
type Stats struct {
	Calls        int64            `json:"calls"`        // to the action, whatever became of them
	Received     int64            `json:"received"`     // messages of calls that broke no limit, the quota included
	Shown        int64            `json:"shown"`        // messages that a room was shown, each time counted
	Deduplicated int64            `json:"deduplicated"` // repeated with resendFlag 1 and not shown again
	Unflagged    int64            `json:"unflagged"`    // shown before and sent again with resendFlag 0
	ShownTwice   int64            `json:"shownTwice"`   // messages (room and msgId) that were shown more than once
	Refused      int64            `json:"refused"`      // messages in `fail`; calls refused as a whole are in ByCode
	LeftOut      int64            `json:"leftOut"`      // messages in neither list
	Rooms        int64            `json:"rooms"`        // that were shown anything
	ByCode       map[string]int64 `json:"byCode"`       // answers by the API's code; without one, by HTTP status as http-502; cut ones as none
	ByFault      map[string]int64 `json:"byFault"`      // calls whose answer a rule took the place of, by its name
	Seconds      float64          `json:"seconds"`
}
