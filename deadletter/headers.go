package deadletter

import (
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/event"
)

// Headers that a letter adds to those of its source record. The first six are named by KIP-1191. All
// values are UTF-8 text, numbers are decimal, times are RFC 3339 in UTC with milliseconds.
//
// A header without a value to say is left out: code and http.status without an answer, room and msgid
// that couldn't be read.
const (
	HeaderTopic         = "__dlq.errors.topic"          // where the source record stands
	HeaderPartition     = "__dlq.errors.partition"      // likewise
	HeaderOffset        = "__dlq.errors.offset"         // likewise
	HeaderGroup         = "__dlq.errors.group"          // the consumer group that gave it up
	HeaderDeliveryCount = "__dlq.errors.delivery.count" // calls in which it was sent
	HeaderMessage       = "__dlq.errors.message"        // for a person

	HeaderReason         = "roomrelay.reason"
	HeaderOutcome        = "roomrelay.outcome"
	HeaderCode           = "roomrelay.code"
	HeaderHTTPStatus     = "roomrelay.http.status"
	HeaderRoom           = "roomrelay.room"
	HeaderMsgID          = "roomrelay.msgid"
	HeaderFailedAt       = "roomrelay.failed-at"
	HeaderFirstFailedAt  = "roomrelay.first-failed-at"
	HeaderFirstTopicID   = "roomrelay.first-topic-id" // of a topic that was made anew there were others; missing: brokers don't tell
	HeaderFirstPartition = "roomrelay.first-partition"
	HeaderFirstOffset    = "roomrelay.first-offset"
	HeaderReplays        = "roomrelay.replays"   // how often it was replayed before it failed this time
	HeaderTruncated      = "roomrelay.truncated" // the value's size, where it had to be left out
)

// The names that belong to letters. Source headers that begin so are not copied, whether or not this
// version writes them: a producer could otherwise write half of a letter, or of a mark.
const (
	prefixKIP = "__dlq.errors."
	prefixOwn = "roomrelay."
)

// Bounds of header values in bytes. A letter is read by people and tools that show headers in a line;
// what the API or a producer wrote is known in full elsewhere.
const (
	maxMessage = 1000
	maxMsgID   = 512 // the API's page bounds no msgId
	maxLabel   = 100
)

const timeLayout = "2006-01-02T15:04:05.000Z"

func reserved(name string) bool {
	return strings.HasPrefix(name, prefixKIP) || strings.HasPrefix(name, prefixOwn)
}

// headers of the letter when it is written in the given form for the given group and source topic.
func (l *Letter) headers(topic, group string, f form) []kafka.Header {
	h := make(list, 0, len(l.Record.Headers)+18)
	if f == whole {
		for _, x := range l.Record.Headers {
			if !reserved(x.Key) {
				h = append(h, kafka.Header{Key: x.Key, Value: x.Value})
			}
		}
	}
	first := firstOf(&l.Record, topic, group)
	failedAt := l.FailedAt
	firstFailedAt := l.FirstFailedAt
	if firstFailedAt.IsZero() {
		firstFailedAt = failedAt
	}
	if !first.failedAt.IsZero() {
		firstFailedAt = first.failedAt
	}
	h.text(HeaderTopic, topic)
	h.number(HeaderPartition, int64(l.Record.Partition))
	h.number(HeaderOffset, l.Record.Offset)
	h.text(HeaderGroup, group)
	h.number(HeaderDeliveryCount, int64(l.Attempts))
	h.text(HeaderMessage, text(l.Message, maxMessage))
	h.text(HeaderReason, text(l.Reason, maxLabel))
	h.text(HeaderOutcome, text(l.Outcome, maxLabel))
	h.known(HeaderCode, int64(l.Code))
	h.known(HeaderHTTPStatus, int64(l.HTTPStatus))
	h.known(HeaderRoom, l.Room)
	if l.MsgID != "" {
		h.text(HeaderMsgID, text(l.MsgID, maxMsgID))
	}
	h.text(HeaderFailedAt, failedAt.UTC().Format(timeLayout))
	h.text(HeaderFirstFailedAt, firstFailedAt.UTC().Format(timeLayout))
	h.topicID(first.topicID)
	h.number(HeaderFirstPartition, int64(first.partition))
	h.number(HeaderFirstOffset, first.offset)
	h.number(HeaderReplays, int64(first.replays))
	if f != whole {
		h.number(HeaderTruncated, int64(max(len(l.Record.Value), l.Record.Oversize)))
	}
	return h
}

// list is headers being collected.
type list []kafka.Header

func (h *list) text(name, value string) {
	*h = append(*h, kafka.Header{Key: name, Value: []byte(value)})
}

func (h *list) number(name string, n int64) { h.text(name, strconv.FormatInt(n, 10)) }

func (h *list) known(name string, n int64) {
	if n != 0 {
		h.number(name, n)
	}
}

func (h *list) topicID(id string) {
	if id != "" {
		h.text(HeaderFirstTopicID, id)
	}
}

// first is where an event first stood: with group and topic, the letter's identity.
type first struct {
	topicID   string
	partition int32
	offset    int64
	replays   int
	failedAt  time.Time // zero: now is the first time
}

// replayOf reads from a source record's headers whether it is a replayed letter. It is believed to be one
// exactly if each of these holds:
//   - roomrelay.replays, roomrelay.first-partition and roomrelay.first-offset are each there once, as plain
//     decimal numbers, and replays is at least 1;
//   - __dlq.errors.topic is there once, and is this topic; __dlq.errors.group is there once, and isn't empty;
//   - within one partition of one topic the first offset lies before the record's own: a replay is appended.
//
// So a replay copies these headers from the letter and raises replays by one. Nothing proves that a
// producer didn't write them; such a producer makes two of its own events look like one letter.
func replayOf(r *event.Record, topic string) (f first, group string, ok bool) {
	h := r.Headers
	group = once(h, HeaderGroup)
	if once(h, HeaderTopic) != topic || group == "" {
		return f, "", false
	}
	replays, ok1 := decimal(once(h, HeaderReplays), 31)
	partition, ok2 := decimal(once(h, HeaderFirstPartition), 31)
	offset, ok3 := decimal(once(h, HeaderFirstOffset), 63)
	if !ok1 || !ok2 || !ok3 || replays < 1 {
		return f, "", false
	}
	topicID := once(h, HeaderFirstTopicID)
	if int32(partition) == r.Partition && offset >= r.Offset && (topicID == "" || topicID == r.TopicID) {
		return f, "", false
	}
	f = first{topicID: topicID, partition: int32(partition), offset: offset, replays: int(replays)}
	if at, err := time.Parse(time.RFC3339, once(h, HeaderFirstFailedAt)); err == nil && at.Before(r.Time) {
		f.failedAt = at
	}
	return f, group, true
}

// firstOf is where a record's event first stood. That is its own position, unless it is a letter of this group
// that was replayed: what another group replays would be this group's new letter.
func firstOf(r *event.Record, topic, group string) first {
	if f, of, ok := replayOf(r, topic); ok && of == group {
		return f
	}
	return first{topicID: r.TopicID, partition: r.Partition, offset: r.Offset}
}

// ForAnother says that a record of a topic is a letter that was replayed for another group than the given one:
// for this one the event stands where it first stood, and was settled there.
func ForAnother(r *event.Record, topic, group string) bool {
	if len(r.Headers) < 5 { // what a replay has at least: most events have none
		return false
	}
	_, of, ok := replayOf(r, topic)
	return ok && of != group
}

// once is the value of a header that is there exactly once, or "".
func once(headers []event.Header, name string) string {
	value, found := "", false
	for i := range headers {
		if headers[i].Key != name {
			continue
		}
		if found {
			return ""
		}
		value, found = string(headers[i].Value), true
	}
	return value
}

// decimal reads a number as FormatInt writes it: no sign, no leading zero.
func decimal(s string, bits int) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, bits)
	return int64(n), err == nil && strconv.FormatUint(n, 10) == s
}
