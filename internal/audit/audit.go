// Package audit holds what was published against what rooms were shown and what letters were written.
//
// It promises to count each event once (a room and msgId is one event however often it was published, and
// one that was shown is delivered, letter or not), to find every event that was lost, shown twice, shown
// out of the order of its lane, or made a letter that it shouldn't be, and to say which ones.
//
// It believes what it is given: what rooms were shown must come from the other side of the API, letters
// from the topic, and places from the broker, never from the worker.
package audit

import (
	"fmt"
	"iter"

	"roomrelay/internal/imsim"
)

// Event is one published record.
type Event struct {
	Room      int64
	Sender    string
	MsgID     string
	Partition int32
	Offset    int64
	Valid     bool // false: it must become a letter
	Refused   bool // the API refuses it for good: it must become a letter
}

// Letter is one record of the dead-letter topic, by the place of its event.
type Letter struct {
	Partition int32
	Offset    int64
	Reason    string
	Replayed  bool // its event may have been shown later than its place in the lane says
}

// Message names a message.
type Message struct {
	Room  int64
	MsgID string
}

// Input is what an audit is made of. Each sequence is read once.
type Input struct {
	ByRoom    bool                  // a lane is (partition, room) instead of (partition, room, sender)
	Published []Event               // in any order
	Shown     iter.Seq[imsim.Shown] // in the order of each room
	Letters   []Letter
	Unflagged []Message // sent again with resendFlag 0 though the API may have had them
}

// Kind is what was found to be wrong.
type Kind string

// All kinds.
const (
	Lost        Kind = "lost"
	ShownTwice  Kind = "shown twice"
	Unflagged   Kind = "sent again unflagged"
	Swapped     Kind = "swapped"
	FalseLetter Kind = "false letter"
	Strange     Kind = "strange" // shown or made a letter, but never published as such
)

// Violation is one thing that was wrong.
type Violation struct {
	Kind  Kind   `json:"kind"`
	Room  int64  `json:"roomid"`
	MsgID string `json:"msgId"`
	Words string `json:"words"`
}

func (v Violation) String() string {
	return fmt.Sprintf("%s: %s in room %d: %s", v.Kind, v.MsgID, v.Room, v.Words)
}

// Result is what the audit found. Published = Delivered + DeadLettered + Lost.
type Result struct {
	Published    int `json:"published"`
	Delivered    int `json:"delivered"`
	DeadLettered int `json:"deadLettered"` // and not delivered; with Invalid
	Invalid      int `json:"invalid"`      // those that were no valid events
	FalseLetters int `json:"falseLetters"` // valid and not refused for good: counted whether delivered or not
	Lost         int `json:"lost"`
	ShownTwice   int `json:"shownTwice"`
	Unflagged    int `json:"unflagged"`
	Swapped      int `json:"swapped"`
	Strange      int `json:"strange"`

	Violations []Violation `json:"violations,omitempty"`
}

// OK says that nothing is wrong.
func (r *Result) OK() bool {
	return r.Lost+r.ShownTwice+r.Unflagged+r.Swapped+r.FalseLetters+r.Strange == 0 &&
		r.Delivered+r.DeadLettered == r.Published
}

func (r *Result) violate(kind Kind, room int64, id, words string, args ...any) {
	r.Violations = append(r.Violations, Violation{kind, room, id, fmt.Sprintf(words, args...)})
}
