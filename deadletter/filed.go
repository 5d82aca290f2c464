package deadletter

import (
	"errors"
	"fmt"
	"time"

	"roomrelay/event"
	"roomrelay/internal/fetch"
)

// Filed is a letter as one record of the dead-letter topic has it.
type Filed struct {
	Place    Place
	Written  time.Time // the record's timestamp
	Identity Identity
	Source   Place // of the record of Identity.Topic that failed: at first where Identity says, elsewhere after a replay

	// The record, all headers included.
	Key     []byte
	Value   []byte
	Headers []event.Header

	Room       int64  // 0: not known
	MsgID      string // "": not known
	Reason     string
	Outcome    string
	Code       int    // the API's; 0: none
	HTTPStatus int    // 0: no answer
	Attempts   int    // calls in which it went to the API
	Message    string // for a person: the API's words, mostly

	FailedAt      time.Time
	FirstFailedAt time.Time
	Replays       int // how often it was replayed before it failed this time
	Truncated     int // size of the value where that had to be left out; 0: it is whole

	By Author // who wrote the letter
}

// OwnHeaders are those that the event came with: the record's, without what belongs to letters.
func (f *Filed) OwnHeaders() []event.Header {
	var own []event.Header
	for _, h := range f.Headers {
		if !reserved(h.Key) && !foreign(h.Key) {
			own = append(own, h)
		}
	}
	return own
}

// Event decodes the letter's event. The error says why the worker would refuse it, or that its value isn't
// here.
func (f *Filed) Event() (*event.Event, error) {
	if f.Truncated > 0 {
		return nil, ErrTruncated
	}
	return event.Decode(event.Record{Partition: f.Source.Partition, Offset: f.Source.Offset, Key: f.Key, Value: f.Value, Headers: f.Headers, Time: f.Written})
}

// ErrTruncated says that a letter's value had to be left out.
var ErrTruncated = errors.New("the value was too large for the dead-letter topic, and was left out")

// errNoLetter is why a record of the dead-letter topic couldn't be read as anything.
type errNoLetter struct{ why string }

func (e *errNoLetter) Error() string { return e.why }

func noLetter(format string, args ...any) error { return &errNoLetter{fmt.Sprintf(format, args...)} }

// read reads a record as what it is: one of letter and mark is set, or the error says why it is neither. A
// record that is for readers alone (a checkpoint) gives nothing at all.
func read(partition int32, group string, r *fetch.Record) (letter *Filed, mark *Mark, err error) {
	own, others := 0, false
	for i := range r.Headers {
		switch r.Headers[i].Key {
		case HeaderMark:
			mark, err = readMark(partition, r)
			return nil, mark, err
		case HeaderCheckpoint:
			return nil, nil, nil
		case HeaderFirstPartition, HeaderFirstOffset:
			own++
		default:
			others = others || foreign(r.Headers[i].Key)
		}
	}
	if own > 0 {
		letter, err = readOwn(partition, r)
		return letter, nil, err
	}
	letter, err = readForeign(partition, group, r, others)
	return letter, nil, err
}

// readOwn reads a letter as headers writes it.
func readOwn(partition int32, r *fetch.Record) (*Filed, error) {
	f := &Filed{
		Place: Place{partition, r.Offset}, Written: r.Time, Key: r.Key, Value: r.Value, Headers: r.Headers,
	}
	missing := map[string]bool{HeaderTopic: true, HeaderGroup: true, HeaderPartition: true, HeaderOffset: true, HeaderFirstPartition: true, HeaderFirstOffset: true}
	for i := range r.Headers {
		h := &r.Headers[i]
		if !reserved(h.Key) {
			continue
		}
		if !f.header(h) {
			return nil, noLetter("its header %s can't be read", h.Key)
		}
		delete(missing, h.Key)
	}
	for name := range missing {
		return nil, noLetter("it has no header %s", name)
	}
	if f.FailedAt.IsZero() {
		f.FailedAt = f.Written
	}
	if f.FirstFailedAt.IsZero() {
		f.FirstFailedAt = f.FailedAt
	}
	return f, nil
}

// header takes in one of the letter's own headers; false: its value is none of its kind. Names that this
// version doesn't know tell nothing.
func (f *Filed) header(h *event.Header) (ok bool) {
	var n int64
	ok = true
	switch h.Key {
	case HeaderGroup, HeaderTopic, HeaderFirstTopicID, HeaderFirstPartition, HeaderFirstOffset:
		ok = f.Identity.header(h)
	case HeaderPartition:
		n, ok = number(h.Value, 31)
		f.Source.Partition = int32(n)
	case HeaderOffset:
		f.Source.Offset, ok = number(h.Value, 63)
	case HeaderReplays:
		n, ok = number(h.Value, 31)
		f.Replays = int(n)
	case HeaderTruncated:
		n, ok = number(h.Value, 31)
		f.Truncated = max(int(n), 1)
	case HeaderReason:
		f.Reason = string(h.Value)
	case HeaderOutcome:
		f.Outcome = string(h.Value)
	case HeaderMessage:
		f.Message = string(h.Value)
	case HeaderMsgID:
		f.MsgID = string(h.Value)
	case HeaderRoom:
		f.Room, ok = signed(h.Value)
	case HeaderCode:
		n, ok = signed(h.Value)
		f.Code = int(n)
	case HeaderHTTPStatus:
		n, ok = signed(h.Value)
		f.HTTPStatus = int(n)
	case HeaderDeliveryCount:
		n, ok = number(h.Value, 31)
		f.Attempts = int(n)
	case HeaderFailedAt:
		f.FailedAt = instant(h.Value)
	case HeaderFirstFailedAt:
		f.FirstFailedAt = instant(h.Value)
	}
	return ok
}
