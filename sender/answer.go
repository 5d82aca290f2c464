package sender

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Kind is how an attempt ended.
type Kind uint8

const (
	NoAnswer     Kind = iota // time-out, reset, cut: nobody knows whether the call was taken
	NotDelivered             // no connection was got: certainly not taken
	Withheld                 // it wasn't to be sent any more when it came to the wire: nobody has seen a byte
	Answered                 // by whomever: a status at least, whatever came of the body
)

// Answer is what came back of an attempt.
type Answer struct {
	Began, Ended time.Time
	Written      time.Time // when the last byte of the call went out, as far as is known; zero: none did
	Kind         Kind
	Err          error // of the transport
	HTTPStatus   int
	RetryAfter   time.Duration // at most 5 minutes; 0: none

	// HasCode says that the body is an answer of the API that could be read whole.
	HasCode bool
	Code    int
	Desc    string

	mentions   []mention // of each message of the call, in its order
	hasSuccess bool      // the list is present, even if empty
}

// mention is where an answer names a message.
type mention struct {
	failed, succeeded bool
	reason            string // of failed
}

// bounded is a text of the API that goes into a letter: valid UTF-8 of at most 500 bytes, which is plenty
// for a person and little for a header.
func bounded(s string) string {
	const most = 500
	if len(s) > most {
		cut := most
		for cut > most-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	// Clone: the rest of a long answer must not live as long as the letter.
	return strings.Clone(strings.ToValidUTF8(s, "?"))
}
