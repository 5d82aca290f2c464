package imsim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Faults is how the API misbehaves. Its JSON form, of --faults and PUT /sim/faults:
//
//	{
//	  "neverHad": "refuse",                    a msgId never seen that comes with resendFlag 1
//	  "repeat":   "fail",                      a msgId seen before that comes with resendFlag 1
//	  "rules": [
//	    {"do": "code", "code": 503, "chance": 0.02},
//	    {"do": "reset", "taken": true, "chance": 0.01, "until": "20s"},
//	    {"do": "code", "code": 404, "rooms": [700019]},
//	    {"do": "refuse", "share": 0.001, "reason": "hit moderation"}
//	  ]
//	}
//
// Of the rules that take the place of the answer the first that holds counts; the others add up.
type Faults struct {
	NeverHad NeverHad `json:"neverHad,omitempty"`
	Repeat   Repeat   `json:"repeat,omitempty"`
	Rules    []Rule   `json:"rules,omitempty"`
}

// NeverHad is what a msgId that was never seen gets when it comes with resendFlag 1.
type NeverHad string

// The readings of the page.
const (
	NeverHadShow   NeverHad = ""       // it is shown: the default
	NeverHadRefuse NeverHad = "refuse" // it is in `fail` with ReasonResend, and stays never seen
)

// Repeat is what a msgId that was seen gets when it comes with resendFlag 1. It is never shown again.
type Repeat string

// The readings of the page.
const (
	RepeatSuccess Repeat = ""     // it is in `success`: the default
	RepeatFail    Repeat = "fail" // it is in `fail` with ReasonRepeat
	Repeat417     Repeat = "417"  // the call gets 417 if all its messages are repeated, else as RepeatSuccess
)

// Reasons in `fail`.
const (
	ReasonResend = "parameter resendFlag should be used for RESEND!" // as in the page's example
	ReasonRepeat = "duplicate msgId"
	ReasonRefuse = "message is blocked by moderation"
)

// Do is what a rule does.
type Do string

// Rules that take the place of the answer. Messages are taken only if the rule says Taken; of several such
// rules that hold the first counts.
const (
	DoCode    Do = "code"    // HTTP 200 with Code and Desc; 416 also begins the 10 s penalty
	DoStatus  Do = "status"  // HTTP Status with an HTML body (or Body), RetryAfter, Location
	DoPage    Do = "page"    // HTTP 200 with the HTML of a login page (or Body)
	DoReset   Do = "reset"   // the connection is reset
	DoStall   Do = "stall"   // nothing for Delay, then the connection is reset
	DoHalf    Do = "half"    // half of the true answer, then the connection is cut
	DoGarbage Do = "garbage" // HTTP 200 with something that is no answer (or Body)
	DoEndless Do = "endless" // an answer that begins well and doesn't end before the client goes, or 256 MiB
)

// Rules that change the true answer or the messages in it; all that hold count.
const (
	DoLatency    Do = "latency"       // Latency is added
	DoSlow       Do = "slow"          // the body comes in small pieces over Delay
	DoStrings    Do = "lists-as-text" // `fail` and `success` are strings that hold an array
	DoNoSuccess  Do = "no-success"    // `success` is left out, unless a message is in neither list
	DoCodeString Do = "code-as-text"  // `code` is a string, also in answers of DoCode
	DoBoth       Do = "both-lists"    // messages that are in `success` are in `fail`, too
	DoShuffle    Do = "shuffle"       // entries are out of order, among unknown names
	DoLeaveOut   Do = "leave-out"     // Share of the messages are in neither list; shown only if Taken; decided anew at each call
	DoRefuse     Do = "refuse"        // Share of the messages are in `fail` with Reason, for good
	DoPoison     Do = "poison"        // Share of the messages make their whole call fail with Code and Desc, for good
)

// Rule is one fault: what it does, and when it holds. In JSON names begin with a small letter and times
// are texts like "1.5s".
type Rule struct {
	Name string `json:"name,omitempty"` // default: Do; a name of its own makes the choices of messages differ
	Do   Do     `json:"do"`

	// When it holds: in all these, at once.
	Rooms     []int64       `json:"rooms,omitempty"`     // only these rooms
	RoomShare float64       `json:"roomShare,omitempty"` // only this share of the rooms, by hash; 0: all
	Senders   []string      `json:"senders,omitempty"`   // only these
	Messages  []string      `json:"messages,omitempty"`  // only these msgIds (calls that hold one of them)
	From      time.Duration `json:"-"`                   // since the faults were set
	Until     time.Duration `json:"-"`                   // likewise; 0: for ever
	Chance    float64       `json:"chance,omitempty"`    // of a call; 0: always
	Share     float64       `json:"share,omitempty"`     // of messages (leave-out, refuse, poison), by hash; 0: all
	Skip      int           `json:"skip,omitempty"`      // the first calls for which it would hold are spared
	Count     int           `json:"count,omitempty"`     // it holds for so many calls only; 0: for all

	// What it does in particular.
	Taken      bool          `json:"taken,omitempty"`      // the messages are taken in spite of it
	Late       bool          `json:"late,omitempty"`       // they are taken at the end of the wait, even if the client has gone
	Delay      time.Duration `json:"-"`                    // waited before the answer or its lack (slow: while it is written)
	Code       int           `json:"code,omitempty"`       // code, poison (default 414)
	Desc       string        `json:"desc,omitempty"`       // default: as the API's; {attach}: the (first such) message's attach
	Reason     string        `json:"reason,omitempty"`     // refuse; likewise
	Status     int           `json:"status,omitempty"`     // status
	Body       string        `json:"body,omitempty"`       // status, page, garbage
	RetryAfter string        `json:"retryAfter,omitempty"` // header of code and status
	Location   string        `json:"location,omitempty"`   // header of status
	Latency    Latency       `json:"-"`                    // latency
}

// replaces says that the rule takes the place of the answer.
func (r *Rule) replaces() bool {
	switch r.Do {
	case DoCode, DoStatus, DoPage, DoReset, DoStall, DoHalf, DoGarbage, DoEndless:
		return true
	}
	return false
}

// picks says that the rule is about messages one by one.
func (r *Rule) picks() bool { return r.Do == DoLeaveOut || r.Do == DoRefuse || r.Do == DoPoison }

// Picks says that the rule, of refuse or poison, is for good about a message; of rooms, senders, times and
// chances it knows nothing. seed is the Sim's.
func (r *Rule) Picks(seed uint64, msgID string) bool {
	if len(r.Messages) > 0 && !slices.Contains(r.Messages, msgID) {
		return false
	}
	return r.Share == 0 || unit(mix(hashOf(r.salt(seed), []byte(msgID)))) < r.Share
}

func (r *Rule) salt(seed uint64) uint64 {
	name := r.Name
	if name == "" {
		name = string(r.Do)
	}
	return hashOf(seed, []byte(name))
}

// known is every Do.
var known = []Do{
	DoCode, DoStatus, DoPage, DoReset, DoStall, DoHalf, DoGarbage, DoEndless, DoLatency, DoSlow, DoStrings,
	DoNoSuccess, DoCodeString, DoBoth, DoShuffle, DoLeaveOut, DoRefuse, DoPoison,
}

// Check says what can't be kept, each with the rule's position from 1.
func (f *Faults) Check() error {
	var wrong []error
	if f.NeverHad != NeverHadShow && f.NeverHad != NeverHadRefuse {
		wrong = append(wrong, fmt.Errorf("neverHad: %q: only %q is known", f.NeverHad, NeverHadRefuse))
	}
	if f.Repeat != RepeatSuccess && f.Repeat != RepeatFail && f.Repeat != Repeat417 {
		wrong = append(wrong, fmt.Errorf("repeat: %q: take %q or %q", f.Repeat, RepeatFail, Repeat417))
	}
	for i := range f.Rules {
		if err := f.Rules[i].check(); err != nil {
			wrong = append(wrong, fmt.Errorf("rule %d: %w", i+1, err))
		}
	}
	return errors.Join(wrong...)
}

func (r *Rule) check() error {
	for _, share := range []float64{r.RoomShare, r.Chance, r.Share} {
		if share < 0 || share > 1 {
			return fmt.Errorf("%s: a chance or share of %v: take 0 to 1", r.Do, share)
		}
	}
	switch {
	case !slices.Contains(known, r.Do):
		return fmt.Errorf("do: %q is unknown: take one of %q", r.Do, known)
	case r.Do == DoCode && r.Code == 0:
		return fmt.Errorf("code: which code is missing")
	case r.Do == DoStatus && (r.Status < 200 || r.Status > 599):
		return fmt.Errorf("status: %d: take 200 to 599", r.Status)
	case (r.Do == DoStall || r.Do == DoSlow) && r.Delay <= 0:
		return fmt.Errorf("%s: delay is missing", r.Do)
	case r.Do == DoLatency && r.Latency.zero():
		return fmt.Errorf("latency: which latency is missing")
	case r.Share != 0 && !r.picks():
		return fmt.Errorf("%s: share is for messages (leave-out, refuse, poison); take chance", r.Do)
	case r.From < 0 || r.Until < 0 || r.Delay < 0 || r.Skip < 0 || r.Count < 0:
		return fmt.Errorf("%s: a time or number below 0", r.Do)
	case r.Until != 0 && r.Until <= r.From:
		return fmt.Errorf("%s: from %v until %v is no time", r.Do, r.From, r.Until)
	}
	return r.Latency.check()
}

// ReadFaults reads the JSON form; what is unknown or can't be kept is an error.
func ReadFaults(r io.Reader) (*Faults, error) {
	f := &Faults{}
	in := json.NewDecoder(r)
	in.DisallowUnknownFields()
	if err := in.Decode(f); err != nil {
		return nil, fmt.Errorf("reading faults: %w", err)
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, errors.New("reading faults: something follows the object")
	}
	if err := f.Check(); err != nil {
		return nil, fmt.Errorf("reading faults: %w", err)
	}
	return f, nil
}
