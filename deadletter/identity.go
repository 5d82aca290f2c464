package deadletter

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"roomrelay/event"
)

// Identity is what makes records of the dead-letter topic one letter: whose it is, and where its event first
// stood. A letter that was replayed and failed again keeps it, and so do copies.
type Identity struct {
	Group     string
	Topic     string
	TopicID   string // which of the topics that bear the name one after the other; "": not known
	Partition int32
	Offset    int64
}

func (i Identity) String() string {
	return fmt.Sprintf("%s/%d:%d of group %s", i.Topic, i.Partition, i.Offset, i.Group)
}

// header takes in one of the headers that tell an identity, of a letter or of a mark; false: it can't be read.
func (i *Identity) header(h *event.Header) (ok bool) {
	var n int64
	ok = true
	switch h.Key {
	case HeaderGroup:
		i.Group = string(h.Value)
	case HeaderTopic:
		i.Topic = string(h.Value)
	case HeaderFirstTopicID:
		i.TopicID = string(h.Value)
	case HeaderFirstPartition:
		n, ok = number(h.Value, 31)
		i.Partition = int32(n)
	case HeaderFirstOffset:
		i.Offset, ok = number(h.Value, 63)
	}
	return ok
}

// Place is where a record stands in a topic. It is written PARTITION:OFFSET.
type Place struct {
	Partition int32
	Offset    int64
}

func (p Place) String() string { return fmt.Sprintf("%d:%d", p.Partition, p.Offset) }

// ParsePlace reads a Place as String writes it.
func ParsePlace(s string) (Place, error) {
	before, after, _ := strings.Cut(s, ":")
	partition, ok1 := decimal(before, 31)
	offset, ok2 := decimal(after, 63)
	if !ok1 || !ok2 {
		return Place{}, fmt.Errorf("%q: takes PARTITION:OFFSET, such as 3:1047", s)
	}
	return Place{int32(partition), offset}, nil
}

// Moment is a time in milliseconds since 1970, as Kafka counts; 0: not known. It takes a third of the room of
// a time.Time.
type Moment int64

func momentOf(t time.Time) Moment {
	if t.IsZero() {
		return 0
	}
	return Moment(t.UnixMilli())
}

// Time is the moment in UTC; zero if it isn't known.
func (m Moment) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// number reads a header's number; ok is false if there is none.
func number(b []byte, bits int) (n int64, ok bool) { return decimal(string(b), bits) }

// signed is number for what may be below 0.
func signed(b []byte) (n int64, ok bool) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil
}

// instant reads a header's time; zero if there is none.
func instant(b []byte) time.Time {
	t, _ := time.Parse(time.RFC3339, string(b)) // what isn't a time tells none
	return t
}
