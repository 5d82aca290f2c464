package deadletter

import (
	"strings"
	"time"
	"unicode/utf8"

	"roomrelay/event"
)

// Reasons that don't come from an answer of the API. The others are the sender's: short, stable, made to
// filter by.
const (
	// ReasonInvalid: the record holds no event that could be sent; the message names the field.
	ReasonInvalid = "invalid"
)

// Outcomes: what is known of where the message is.
const (
	OutcomeNeverSent = "never-sent"
	OutcomeRefused   = "refused"
	OutcomeUnknown   = "unknown" // it may have been shown
)

// Letter is an event that wasn't delivered, with what is known of why. It belongs to the Writer from Put
// until it comes back through Config.Written.
type Letter struct {
	Record event.Record

	Room  int64  // 0: could not be read
	MsgID string // "": could not be read

	Reason     string // one of a small, stable set
	Outcome    string // OutcomeNeverSent, OutcomeRefused or OutcomeUnknown
	Code       int    // the API's code; 0: none
	HTTPStatus int    // 0: no answer
	Attempts   int    // calls in which it went to the API; 0: never sent
	Message    string // for a person; cut at 1000 bytes when it is written

	FailedAt      time.Time // when it was given up
	FirstFailedAt time.Time // zero: FailedAt

	// Invalid says that the record couldn't be decoded: its value is then written byte for byte.
	// Otherwise resendFlag in it becomes 1.
	Invalid bool
}

// value is what the letter carries if nothing has to be left out. It is never nil: a null value would
// mean that the record was deleted.
func (l *Letter) value() []byte {
	switch {
	case len(l.Record.Value) == 0:
		return []byte{}
	case l.Invalid:
		return l.Record.Value
	default:
		return event.WithResendFlag(l.Record.Value)
	}
}

// size is about what the letter adds to a request. Its own headers come to some 700 bytes.
func (l *Letter) size() int {
	n := 700 + len(l.Record.Key) + len(l.Record.Value) + min(len(l.Message), maxMessage)
	for i := range l.Record.Headers {
		n += len(l.Record.Headers[i].Key) + len(l.Record.Headers[i].Value)
	}
	return n
}

// text makes s valid UTF-8 of at most limit bytes. Where something was cut off it ends in "…".
func text(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= limit {
		return s
	}
	const cut = "…"
	end := limit - len(cut)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cut
}
