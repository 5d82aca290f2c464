package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"roomrelay/deadletter"
)

// letterJSON is a letter as --json writes it, one a line. Times are RFC 3339 in UTC; what isn't known is left out.
type letterJSON struct {
	Place          string     `json:"place"` // on the dead-letter topic
	State          string     `json:"state"`
	Group          string     `json:"group"`
	Topic          string     `json:"topic"`
	Partition      int32      `json:"partition"` // where the event stood when it failed
	Offset         int64      `json:"offset"`
	FirstTopicID   string     `json:"firstTopicId,omitempty"`
	FirstPartition int32      `json:"firstPartition"` // where it stood first
	FirstOffset    int64      `json:"firstOffset"`
	Room           int64      `json:"roomid,omitempty"`
	MsgID          string     `json:"msgId,omitempty"`
	Sender         string     `json:"fromAccid,omitempty"`
	Reason         string     `json:"reason"`
	Outcome        string     `json:"outcome"`
	Code           int        `json:"code,omitempty"`
	HTTPStatus     int        `json:"httpStatus,omitempty"`
	Attempts       int        `json:"attempts"`
	Message        string     `json:"message,omitempty"`
	FailedAt       *time.Time `json:"failedAt,omitempty"`
	FirstFailedAt  *time.Time `json:"firstFailedAt,omitempty"`
	Written        *time.Time `json:"written,omitempty"`
	Replays        int        `json:"replays"`
	Truncated      int        `json:"truncated,omitempty"`
	Author         string     `json:"author,omitempty"` // of a letter that something else wrote
	Gone           bool       `json:"gone,omitempty"`   // retention has taken it since it was found
	Marks          []markJSON `json:"marks,omitempty"`
}

type markJSON struct {
	Place     string     `json:"place"`
	Action    string     `json:"action"`
	At        *time.Time `json:"at,omitempty"`
	By        string     `json:"by,omitempty"`
	Why       string     `json:"why,omitempty"`
	Replays   int        `json:"replays"` // the letter's, when it was marked
	Topic     string     `json:"topic,omitempty"`
	Partition *int32     `json:"partition,omitempty"`
	Offset    *int64     `json:"offset,omitempty"`
}

func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func jsonOfMark(m *deadletter.Mark) markJSON {
	x := markJSON{Place: m.Place.String(), Action: string(m.Action), At: utc(m.At), By: m.By, Why: m.Why, Replays: m.Replays}
	if m.Action == deadletter.ActionReplay {
		x.Topic, x.Partition, x.Offset = m.To, &m.Position.Partition, &m.Position.Offset
	}
	return x
}

// jsonOf describes a letter. f is nil where its record is gone.
func jsonOf(e *deadletter.Entry, f *deadletter.Filed) *letterJSON {
	x := &letterJSON{
		Place: e.Place.String(), State: e.State.String(), Group: e.Identity.Group, Topic: e.Identity.Topic,
		Partition: e.Source.Partition, Offset: e.Source.Offset, FirstTopicID: e.Identity.TopicID, FirstPartition: e.Identity.Partition, FirstOffset: e.Identity.Offset,
		Room: e.Room, Reason: e.Reason, Outcome: e.Outcome, Code: int(e.Code), Replays: int(e.Replays),
		FailedAt: utc(e.FailedAt.Time()), FirstFailedAt: utc(e.FirstFailedAt.Time()), Written: utc(e.Written.Time()), Author: string(e.By),
	}
	for _, m := range e.Marks {
		x.Marks = append(x.Marks, jsonOfMark(m))
	}
	if f == nil {
		x.Gone = true
		return x
	}
	x.MsgID, x.HTTPStatus, x.Attempts, x.Message, x.Truncated = f.MsgID, f.HTTPStatus, f.Attempts, f.Message, f.Truncated
	if event, _ := f.Event(); event != nil {
		x.Sender = event.Sender
	}
	return x
}

// writeLine writes a value as one line of JSON in which nothing moves a terminal's cursor or turns its text.
func writeLine(out io.Writer, value any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	text := b.Bytes()
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if hides(r) && r != '\n' {
			plain = appendEscape(plain, r)
		} else {
			plain = append(plain, text[i:i+size]...)
		}
		i += size
	}
	_, err := out.Write(plain)
	return err
}

// appendEscape appends a rune as JSON escapes it.
func appendEscape(b []byte, r rune) []byte {
	if r >= 0x10000 {
		r -= 0x10000
		return fmt.Appendf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}
