package main

import (
	"encoding/binary"
	"strings"
	"testing"

	"roomrelay/event"
	"roomrelay/internal/cluster"
)

// foreign appends letters of other authors, of events that stand at offsets 0 to 2 of partition 1.
func (b *letterbox) foreign() {
	b.t.Helper()
	value := func(id string) []byte {
		return []byte(`{"roomid":7,"fromAccid":"ann","msgId":"` + id + `","msgType":0}`)
	}
	text := func(pairs ...string) (h []event.Header) {
		for i := 0; i < len(pairs); i += 2 {
			h = append(h, event.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
		}
		return h
	}
	put := func(topic string, partition int32, m ...cluster.Message) {
		if _, err := b.client().Append(b.t.Context(), topic, partition, m); err != nil {
			b.t.Fatal(err)
		}
	}
	put("chat", 1, cluster.Message{Key: []byte("7"), Value: value("c")}, cluster.Message{Key: []byte("7"), Value: value("s")}, cluster.Message{Key: []byte("7"), Value: value("k")})
	put("dlq.chat", 0,
		cluster.Message{Key: []byte("7"), Value: value("c"), Headers: text("trace", "x", "__connect.errors.topic", "chat", "__connect.errors.partition", "1", "__connect.errors.offset", "0", "__connect.errors.exception.message", "sink says no")},
		cluster.Message{Key: []byte("7"), Value: value("s"), Headers: append(text("kafka_dlt-original-topic", "chat", "kafka_dlt-exception-message", "listener says no"),
			event.Header{Key: "kafka_dlt-original-partition", Value: binary.BigEndian.AppendUint32(nil, 1)},
			event.Header{Key: "kafka_dlt-original-offset", Value: binary.BigEndian.AppendUint64(nil, 1)})},
		// A share group copies neither key nor value by default.
		cluster.Message{Headers: text("__dlq.errors.topic", "chat", "__dlq.errors.partition", "1", "__dlq.errors.offset", "2", "__dlq.errors.group", "sharers", "__dlq.errors.message", "Offset rejected by client.")},
		cluster.Message{Headers: text("__dlq.errors.topic", "chat", "__dlq.errors.partition", "1", "__dlq.errors.offset", "99")},
		// These can't be read.
		cluster.Message{Value: value("x"), Headers: text("kafka_dlt-original-topic", "chat", "kafka_dlt-original-partition", "1", "kafka_dlt-original-offset", "1")},
		cluster.Message{Value: value("y"), Headers: text("__connect.errors.topic", "chat")})
}

func TestLettersOfOtherAuthorsAreListedShownAndReplayed(t *testing.T) {
	b := newLetterbox(t)
	b.foreign()
	got := b.run("dlq", "ls")
	for _, want := range []string{"sink says no", "listener says no", "Offset rejected by client.", " 7  c ", " 7  s "} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q", want)
		}
	}
	if got.code != exitFine || !strings.Contains(got.err, "2 records on dlq.chat can't be read as letters") || !strings.Contains(got.err, "0:5: it doesn't say where its event stands") {
		t.Errorf("exit %d\n%s%s", got.code, got.out, got.err)
	}
	if got := b.run("dlq", "show", "0:1"); !strings.Contains(got.out, "written by     Spring Kafka") || !strings.Contains(got.out, "stood last     chat/1:1") {
		t.Errorf("%+v", got)
	}
	if got := b.run("dlq", "show", "0:2"); !strings.Contains(got.out, "left out: the record at chat/1:2 has it") {
		t.Errorf("%+v", got)
	}
	if got := b.run("dlq", "discard", "--yes", "--why=x"); got.code != exitLeft || !strings.Contains(got.err, "4  written by something else") {
		t.Errorf("%+v", got)
	}
	marks := b.standing("dlq.chat")
	got = b.run("dlq", "replay", "--yes")
	if got.code != exitLeft || b.standing("chat") != 6 || b.standing("dlq.chat") != marks || !strings.Contains(got.err, "Published and not marked, since something else wrote them: 3.") ||
		!strings.Contains(got.err, "1  its value was left out, and its source record is gone") {
		t.Errorf("%d published: %+v", b.standing("chat"), got)
	}
	got = b.run("dlq", "replay", "--yes", "--mark-foreign")
	if got.code != exitLeft || b.standing("chat") != 9 || b.standing("dlq.chat") != marks+4 { // with the probe
		t.Errorf("%d published, %d marks: %+v", b.standing("chat"), b.standing("dlq.chat")-marks, got)
	}
	if got := b.run("dlq", "stats"); !strings.Contains(got.out, "outstanding          1\n") || !strings.Contains(got.out, "on their way         3\n") {
		t.Errorf("%s", got.out)
	}
	got = b.run("trace", "k")
	if !strings.Contains(got.out, "replayed (1) at chat/1:5 in room 7 by ann, resendFlag 1") {
		t.Errorf("%s", got.out)
	}
}
