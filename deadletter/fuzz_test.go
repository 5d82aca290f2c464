package deadletter

import (
	"bytes"
	"testing"
	"time"

	"roomrelay/event"
	"roomrelay/internal/fetch"
)

// FuzzRead reads records whose headers and value are anything: nothing may panic, and what is read as a letter
// or a mark says whose it is.
func FuzzRead(f *testing.F) {
	add := func(value []byte, headers []event.Header) {
		var text []byte
		for _, h := range headers {
			text = append(append(append(append(text, h.Key...), '='), h.Value...), '\n')
		}
		f.Add(value, text)
	}
	l := letter(0, 5)
	var own []event.Header
	for _, h := range l.headers("chat", "relay", whole) {
		own = append(own, event.Header{Key: h.Key, Value: h.Value})
	}
	add(l.value(), own)
	m := &Mark{Identity: identity(Place{0, 5}), Action: ActionReplay, At: time.Now(), By: "ann", Why: "x", To: "chat"}
	add(nil, m.message().Headers)
	add([]byte("{}"), []event.Header{{Key: "__connect.errors.topic", Value: []byte("chat")}, {Key: "__connect.errors.partition", Value: []byte("1")}, {Key: "__connect.errors.offset", Value: []byte("2")}})
	add(nil, []event.Header{{Key: "kafka_dlt-original-topic", Value: []byte("chat")}, {Key: "kafka_dlt-original-partition", Value: make([]byte, 4)}, {Key: "kafka_dlt-original-offset", Value: make([]byte, 8)}})
	add([]byte(`{"version":1,"outstanding":"AA"}`), []event.Header{{Key: HeaderCheckpoint, Value: []byte("1")}})
	f.Fuzz(func(t *testing.T, value, headers []byte) {
		r := &fetch.Record{Offset: 7, Time: time.Unix(1e9, 0), Value: value}
		for line := range bytes.SplitSeq(headers, []byte("\n")) {
			name, v, _ := bytes.Cut(line, []byte("="))
			r.Headers = append(r.Headers, event.Header{Key: string(name), Value: v})
		}
		filed, mark, err := read(3, "g", r)
		switch {
		case err != nil && (filed != nil || mark != nil), filed != nil && mark != nil:
			t.Fatalf("%+v, %+v and %v", filed, mark, err)
		case filed != nil:
			if filed.Identity.Partition < 0 || filed.Identity.Offset < 0 || filed.Source.Partition < 0 || filed.Source.Offset < 0 || filed.Replays < 0 {
				t.Fatalf("%+v", filed)
			}
			_, _ = filed.Event()
			_ = EntryOf(filed)
			_ = filed.ReplayHeaders(filed.OwnHeaders())
			(&Filter{Match: "x", Senders: []string{"a"}}).Matches(filed)
		case mark != nil:
			if again, err := readMark(3, &fetch.Record{Offset: 7, Headers: mark.message().Headers}); err != nil || again.Identity != mark.Identity || again.Position != mark.Position || again.Replays != mark.Replays {
				t.Fatalf("%+v was written as %+v, %v", mark, again, err)
			}
		}
		_ = readCheckpoint(r)
	})
}
