//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/event"
)

// place is where a record stands.
type place struct {
	partition int32
	offset    int64
}

// letter is a record of the dead-letter topic.
type letter struct {
	record *kgo.Record
	source place // of its event
	first  place // its identity, with group and topic
	reason string
}

// readLetter takes a letter from a record.
func readLetter(r *kgo.Record, topic, group string) (letter, error) {
	l := letter{record: r, reason: header(r, "roomrelay.reason")}
	if got := header(r, "__dlq.errors.topic"); got != topic {
		return l, fmt.Errorf("letter %d/%d names topic %q", r.Partition, r.Offset, got)
	}
	if got := header(r, "__dlq.errors.group"); got != group {
		return l, fmt.Errorf("letter %d/%d names group %q", r.Partition, r.Offset, got)
	}
	var err error
	if l.source, err = placeIn(r, "__dlq.errors.partition", "__dlq.errors.offset"); err != nil {
		return l, err
	}
	l.first, err = placeIn(r, "roomrelay.first-partition", "roomrelay.first-offset")
	return l, err
}

func placeIn(r *kgo.Record, partition, offset string) (p place, err error) {
	n, err := strconv.ParseInt(header(r, partition), 10, 32)
	if err != nil {
		return p, fmt.Errorf("letter %d/%d: header %s: %w", r.Partition, r.Offset, partition, err)
	}
	p.partition = int32(n)
	if p.offset, err = strconv.ParseInt(header(r, offset), 10, 64); err != nil {
		return p, fmt.Errorf("letter %d/%d: header %s: %w", r.Partition, r.Offset, offset, err)
	}
	return p, nil
}

// differs says in what the letter isn't what its source record makes it; "": in nothing.
func (l *letter) differs(source *kgo.Record, valid bool, partitions int32) string {
	want := source.Value
	if valid {
		want = event.WithResendFlag(source.Value)
	}
	switch {
	case l.record.Partition != l.source.partition%partitions:
		return fmt.Sprintf("it stands in partition %d", l.record.Partition)
	case !alike(l.record.Key, source.Key):
		return fmt.Sprintf("its key is %q instead of %q", l.record.Key, source.Key)
	case !bytes.Equal(l.record.Value, want):
		return fmt.Sprintf("its value is %q instead of %q", l.record.Value, want)
	case l.record.Value == nil:
		return "its value is null"
	case l.first != l.source:
		return fmt.Sprintf("its identity is %v though its event stands at %v", l.first, l.source)
	}
	for _, h := range source.Headers {
		if !slices.ContainsFunc(l.record.Headers, func(x kgo.RecordHeader) bool { return x.Key == h.Key && alike(x.Value, h.Value) }) {
			return fmt.Sprintf("it lacks the source's header %q", h.Key)
		}
	}
	return ""
}

// alike says that both are null, or neither and the same bytes.
func alike(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }
