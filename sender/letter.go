package sender

import (
	"time"

	"roomrelay/event"
)

// Why an event becomes a letter: short stable codes to filter by.
const (
	ReasonRefusedRequest = "refused-request" // the API refused the call that had this message alone
	ReasonRefusedMessage = "refused-message" // the API took the call and named the message in fail
	ReasonResendRequired = "resend-required" // the API has the message from before, it says
	ReasonGivenUp        = "given-up"        // no answer for give-up-after while other rooms were answered
)

// What is known of whether anybody saw the message.
const (
	OutcomeNeverSent = "never-sent"
	OutcomeRefused   = "refused"
	OutcomeUnknown   = "unknown" // an attempt ended without a verdict: it may have been shown
)

// Letter is an event that is not sent any more, and why.
type Letter struct {
	Event         *event.Event
	Reason        string
	Outcome       string
	Code          int // of the API; 0: none was read
	HTTPStatus    int // 0: there was no HTTP answer
	Message       string
	Attempts      int
	FirstFailedAt time.Time
}
