package deadletter

import (
	"encoding/binary"
	"strings"

	"roomrelay/event"
	"roomrelay/internal/fetch"
)

// Author is who wrote a letter, by the names of its headers.
type Author string

// All authors.
const (
	Ours    Author = ""
	Share   Author = "share group"   // KIP-1191, __dlq.errors.*
	Connect Author = "Kafka Connect" // __connect.errors.*
	Spring  Author = "Spring Kafka"  // kafka_dlt-*
)

const (
	prefixConnect = "__connect.errors."
	prefixSpring  = "kafka_dlt-"
)

// ReasonForeign is the reason of letters whose author knows no such codes.
const ReasonForeign = "foreign"

func foreign(name string) bool {
	return strings.HasPrefix(name, prefixConnect) || strings.HasPrefix(name, prefixSpring)
}

// readForeign reads a letter that something else wrote. It is taken for one of the group that is asked for:
// others' names of groups tell nothing of ours. others says that there are headers of Connect or Spring.
func readForeign(partition int32, group string, r *fetch.Record, others bool) (*Filed, error) {
	f := &Filed{
		Place: Place{partition, r.Offset}, Written: r.Time, Key: r.Key, Value: r.Value, Headers: r.Headers,
		Reason: ReasonForeign, Outcome: OutcomeUnknown, FailedAt: r.Time, FirstFailedAt: r.Time,
	}
	seen := 0
	for i := range r.Headers {
		h := &r.Headers[i]
		known, ok := f.foreignHeader(h)
		if !ok {
			return nil, noLetter("its header %s can't be read", h.Key)
		}
		if known {
			seen++
		}
	}
	if seen < 3 {
		if !others && f.By == Ours {
			return nil, noLetter("it has no header that makes it a letter")
		}
		return nil, noLetter("it doesn't say where its event stands")
	}
	f.Identity.Group = group
	f.Identity.Partition, f.Identity.Offset = f.Source.Partition, f.Source.Offset
	if e, err := event.Decode(event.Record{Value: r.Value}); r.Value != nil && (err == nil || e.Room != 0) {
		f.Room, f.MsgID = e.Room, e.MsgID
	}
	if r.Value == nil {
		f.Truncated = 1 // neither key nor value is copied, by a share group's default
	}
	return f, nil
}

// foreignHeader takes in a header; known says that it is one of the three that say where the event stands.
func (f *Filed) foreignHeader(h *event.Header) (known, ok bool) {
	var n int64
	ok = true
	switch h.Key {
	case HeaderTopic, "__connect.errors.topic", "kafka_dlt-original-topic":
		f.Identity.Topic = string(h.Value)
		known = true
	case HeaderPartition, "__connect.errors.partition":
		n, ok = number(h.Value, 31)
		f.Source.Partition = int32(n)
		known = true
	case HeaderOffset, "__connect.errors.offset":
		f.Source.Offset, ok = number(h.Value, 63)
		known = true
	case "kafka_dlt-original-partition":
		ok = len(h.Value) == 4
		if ok {
			f.Source.Partition = int32(binary.BigEndian.Uint32(h.Value))
		}
		known = true
	case "kafka_dlt-original-offset":
		ok = len(h.Value) == 8
		if ok {
			f.Source.Offset = int64(binary.BigEndian.Uint64(h.Value))
		}
		known = true
	case HeaderMessage, "__connect.errors.exception.message", "kafka_dlt-exception-message":
		f.Message = string(h.Value)
	case HeaderDeliveryCount:
		n, _ = number(h.Value, 31)
		f.Attempts = int(n)
	}
	if known && ok {
		switch {
		case strings.HasPrefix(h.Key, prefixConnect):
			f.By = Connect
		case strings.HasPrefix(h.Key, prefixSpring):
			f.By = Spring
		default:
			f.By = Share
		}
	}
	return known, ok && f.Source.Partition >= 0 && f.Source.Offset >= 0
}
