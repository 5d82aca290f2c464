package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/segmentio/kafka-go"

	"roomrelay/deadletter"
	"roomrelay/event"
)

// Aside is why a letter isn't published.
type Aside struct{ Why string }

func (a *Aside) Error() string { return a.Why }

// Mend changes letters on the way.
type Mend struct {
	Set   []Field
	Value []byte // in place of the letter's own; nil: that
}

// Field is a field of the event that is set.
type Field struct {
	Name    string
	Literal []byte // JSON
}

// Any says that something is changed.
func (m *Mend) Any() bool { return len(m.Set) > 0 || m.Replaces() }

// Replaces says that the letter's own value isn't used.
func (m *Mend) Replaces() bool { return m.Value != nil }

// Renames says that the message gets another msgId than the given one.
func (m *Mend) Renames(id string) bool {
	value := m.Value
	if value == nil {
		value = []byte("{}")
	}
	for _, f := range m.Set {
		value = event.With(value, f.Name, f.Literal)
	}
	e, _ := event.Decode(event.Record{Value: value})
	return e.MsgID != "" && e.MsgID != id
}

// content is what of a record is published.
type content struct {
	key, value []byte
	headers    []event.Header
}

// apply changes the content, and says whether its key did.
func (m *Mend) apply(f *deadletter.Filed, c *content) (moved bool, err error) {
	if m.Value != nil {
		c.value = m.Value
	}
	for _, x := range m.Set {
		c.value = event.With(c.value, x.Name, x.Literal)
	}
	e, err := event.Decode(event.Record{Value: c.value})
	if err != nil {
		return false, &Aside{"the worker would refuse it again: " + err.Error()}
	}
	if f.Outcome == deadletter.OutcomeUnknown && m.Any() && e.MsgID == f.MsgID {
		return false, &Aside{"it may have been shown, so it can be changed only together with a new msgId"}
	}
	c.value = event.WithResendFlag(c.value)
	if m.Any() && f.Room != 0 && e.Room != f.Room {
		c.key = strconv.AppendInt(nil, e.Room, 10)
		return true, nil
	}
	return false, nil
}

// source reads the content of a truncated letter from where its event stood, while it is there.
func (r *Replay) source(ctx context.Context, f *deadletter.Filed) (content, error) {
	gone := &Aside{"its value was left out, and its source record is gone (--value-file gives another)"}
	if f.Identity.Topic != r.cfg.Desk.Source {
		return content{}, gone
	}
	found, err := r.cfg.Desk.Client.Read(ctx, f.Identity.Topic, f.Source.Partition, f.Source.Offset)
	if errors.Is(err, kafka.UnknownTopicOrPartition) {
		return content{}, gone
	}
	if err != nil {
		return content{}, fmt.Errorf("reading the event of letter %s from where it stood: %w", f.Place, err)
	}
	if found == nil || found.Value == nil || !same(f, found.Key, found.Value) {
		return content{}, gone
	}
	c := content{key: found.Key, value: found.Value}
	own := deadletter.Filed{Headers: found.Headers}
	c.headers = own.OwnHeaders()
	return c, nil
}

// same says whether a record may be the event of a letter: a topic that was made anew has others at the same
// offsets.
func same(f *deadletter.Filed, key, value []byte) bool {
	if f.Key != nil && !bytes.Equal(f.Key, key) {
		return false
	}
	if f.MsgID == "" {
		return true
	}
	e, _ := event.Decode(event.Record{Value: value})
	return e.MsgID == f.MsgID
}

// byKey is the partition that Java's producers choose for a key.
func byKey(key []byte, partitions []int32) int32 {
	ids := make([]int, len(partitions))
	for i, p := range partitions {
		ids[i] = int(p)
	}
	balancer := kafka.Murmur2Balancer{Consistent: true}
	return int32(balancer.Balance(kafka.Message{Key: key}, ids...))
}
