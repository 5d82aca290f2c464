// Package event is the chat event: decoded from a Kafka record's value, checked against the limits of
// the API's page, and encoded into the API's form body or into the value of a letter.
//
// It promises that Decode accepts exactly what the page allows and names the field of what it refuses;
// that a decoded event encodes to the same message every time; and that no input, however large or
// hostile, makes it panic, recurse without bound, or take more memory than a small multiple of the input.
//
// It doesn't send, batch or log anything, and it doesn't know where a record came from.
package event

// Event is a decoded record. All but Flag is fixed once Decode has returned it. Strings may share the
// memory of Record.Value.
type Event struct {
	Record

	Room    int64  // roomid
	Sender  string // fromAccid, as given
	MsgID   string
	Type    int    // msgType: 0 1 2 3 4 6 10 100
	Attach  string // a JSON object given instead of a string stands here as its own compacted bytes
	Ext     string // likewise
	SubType int64  // 0: absent (the page allows only values above 0)

	// HasAttach and HasExt tell an empty string from an absent field.
	HasAttach, HasExt bool

	// Options are the request-level options, form-encoded in one fixed order ("" if there are none):
	// two events have the same options exactly if these strings are equal.
	Options string

	// Resend is the resendFlag that the producer wrote: 0 or 1.
	Resend uint8

	// Flag is the resendFlag with which the event goes to the API next. Decode sets it to 1 if Resend
	// is 1 or the record is in doubt; after that it belongs to the goroutine that judges answers.
	Flag uint8

	// messageBytes is the size of the event's entry in the encoded msgList, without separator.
	messageBytes int
}
