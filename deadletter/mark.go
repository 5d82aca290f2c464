package deadletter

import (
	"errors"
	"time"

	"roomrelay/event"
	"roomrelay/internal/cluster"
	"roomrelay/internal/fetch"
)

// Headers of a mark: a record on the letter's own partition that says what was done with it. A mark also bears
// the letter's HeaderGroup, HeaderTopic, HeaderFirstTopicID if it has one, HeaderFirstPartition and HeaderFirstOffset,
// which are its identity, HeaderReplays, which is up to which of its failures it speaks of, and, for who reads marks, its HeaderRoom
// and HeaderMsgID. It has no key, and an empty value.
const (
	HeaderMark          = "roomrelay.mark"           // ActionReplay or ActionDiscard: this is what makes a record a mark
	HeaderMarkAt        = "roomrelay.mark.at"        // when
	HeaderMarkBy        = "roomrelay.mark.by"        // who says so: claimed, not proven
	HeaderMarkWhy       = "roomrelay.mark.why"       // for a person
	HeaderMarkTopic     = "roomrelay.mark.topic"     // where it was published
	HeaderMarkPartition = "roomrelay.mark.partition" // likewise
	HeaderMarkOffset    = "roomrelay.mark.offset"    // likewise
)

// HeaderCheckpoint makes a record a checkpoint: what a reading of the topic found, for the next one.
const HeaderCheckpoint = "roomrelay.checkpoint"

// Action is what was done with a letter.
type Action string

// All actions.
const (
	ActionReplay  Action = "replayed"
	ActionDiscard Action = "discarded"
)

// Mark says that a letter was replayed or discarded.
type Mark struct {
	Place    Place // on the dead-letter topic; of one that isn't written yet only the partition counts
	Identity Identity
	Replays  int // the mark speaks of the letter's failures up to this many replays
	Action   Action
	At       time.Time
	By       string
	Why      string

	// Of a replay: where it was published.
	To       string
	Position Place

	Room  int64
	MsgID string

	written time.Time // the record's timestamp
}

// elsewhere says that the letter was published to another topic: what becomes of it there isn't known here.
func (m *Mark) elsewhere() bool { return m.Action == ActionReplay && m.To != m.Identity.Topic }

// Bounds of what a person or a script claims, in bytes.
const maxClaim = 500

// message is the record of the mark.
func (m *Mark) message() cluster.Message {
	h := make(list, 0, 15)
	h.text(HeaderMark, string(m.Action))
	h.text(HeaderGroup, m.Identity.Group)
	h.text(HeaderTopic, m.Identity.Topic)
	h.topicID(m.Identity.TopicID)
	h.number(HeaderFirstPartition, int64(m.Identity.Partition))
	h.number(HeaderFirstOffset, m.Identity.Offset)
	h.number(HeaderReplays, int64(m.Replays))
	h.text(HeaderMarkAt, m.At.UTC().Format(timeLayout))
	h.text(HeaderMarkBy, text(m.By, maxClaim))
	if m.Why != "" {
		h.text(HeaderMarkWhy, text(m.Why, maxClaim))
	}
	if m.Action == ActionReplay {
		h.text(HeaderMarkTopic, m.To)
		h.number(HeaderMarkPartition, int64(m.Position.Partition))
		h.number(HeaderMarkOffset, m.Position.Offset)
	}
	h.known(HeaderRoom, m.Room)
	if m.MsgID != "" {
		h.text(HeaderMsgID, text(m.MsgID, maxMsgID))
	}
	out := cluster.Message{Value: []byte{}}
	for _, x := range h {
		out.Headers = append(out.Headers, event.Header{Key: x.Key, Value: x.Value})
	}
	return out
}

// readMark reads a mark. One that doesn't say whose it is marks nothing.
func readMark(partition int32, r *fetch.Record) (*Mark, error) {
	m := &Mark{Place: Place{partition, r.Offset}, At: r.Time, written: r.Time}
	need := map[string]bool{HeaderGroup: true, HeaderTopic: true, HeaderFirstPartition: true, HeaderFirstOffset: true, HeaderReplays: true}
	for i := range r.Headers {
		h := &r.Headers[i]
		if !m.header(h) {
			return nil, noLetter("a mark whose header %s can't be read", h.Key)
		}
		delete(need, h.Key)
	}
	if m.Action == ActionReplay {
		for _, name := range []string{HeaderMarkTopic, HeaderMarkPartition, HeaderMarkOffset} {
			if once(r.Headers, name) == "" {
				need[name] = true
			}
		}
	}
	for name := range need {
		return nil, noLetter("a mark without header %s", name)
	}
	return m, nil
}

func (m *Mark) header(h *event.Header) (ok bool) {
	var n int64
	ok = true
	switch h.Key {
	case HeaderMark:
		m.Action = Action(h.Value)
		ok = m.Action == ActionReplay || m.Action == ActionDiscard
	case HeaderGroup, HeaderTopic, HeaderFirstTopicID, HeaderFirstPartition, HeaderFirstOffset:
		ok = m.Identity.header(h)
	case HeaderReplays:
		n, ok = number(h.Value, 31)
		m.Replays = int(n)
	case HeaderMarkAt:
		if at := instant(h.Value); !at.IsZero() {
			m.At = at
		}
	case HeaderMarkBy:
		m.By = string(h.Value)
	case HeaderMarkWhy:
		m.Why = string(h.Value)
	case HeaderMarkTopic:
		m.To = string(h.Value)
	case HeaderMarkPartition:
		n, ok = number(h.Value, 31)
		m.Position.Partition = int32(n)
	case HeaderMarkOffset:
		m.Position.Offset, ok = number(h.Value, 63)
	case HeaderRoom:
		m.Room, _ = signed(h.Value)
	case HeaderMsgID:
		m.MsgID = string(h.Value)
	}
	return ok
}

// ReplayHeaders are what a replayed letter travels with: the event's own headers, and what lets the worker of
// its group know that it is the same letter should it fail again. Workers of other groups pass it over.
func (f *Filed) ReplayHeaders(own []event.Header) []event.Header {
	h := make(list, 0, 7)
	h.text(HeaderTopic, f.Identity.Topic)
	h.text(HeaderGroup, f.Identity.Group)
	h.number(HeaderReplays, int64(f.Replays)+1)
	h.topicID(f.Identity.TopicID)
	h.number(HeaderFirstPartition, int64(f.Identity.Partition))
	h.number(HeaderFirstOffset, f.Identity.Offset)
	h.text(HeaderFirstFailedAt, f.FirstFailedAt.UTC().Format(timeLayout))
	all := append([]event.Header(nil), own...)
	for _, x := range h {
		all = append(all, event.Header{Key: x.Key, Value: x.Value})
	}
	return all
}

// ErrMarks says that letters were published and couldn't be marked.
var ErrMarks = errors.New("they are published and not marked: replaying again publishes them again, and the API then drops what it has")
