package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	kplain "github.com/twmb/franz-go/pkg/sasl/plain"

	"roomrelay/deadletter"
	"roomrelay/event"
	"roomrelay/internal/cluster"
)

func (b *letterbox) client() *cluster.Client {
	return &cluster.Client{Transport: b.transport, Addr: kafka.TCP(b.ListenAddrs()...)}
}

func TestWhatIsExportedReadsBackIntoTheSameLetters(t *testing.T) {
	here, there := newLetterbox(t), newLetterbox(t)
	here.fail("g",
		failed(1, nil),
		failed(2, func(l *deadletter.Letter) {
			l.Record.Value, l.Record.Key, l.Invalid = []byte("\xff\x00\x9b{"), []byte("\xfe"), true
			l.Record.Headers = []event.Header{{Key: "bin", Value: []byte("\xff")}, {Key: "null"}, {Key: "empty", Value: []byte{}}}
		}),
		failed(3, func(l *deadletter.Letter) { l.Record.Oversize, l.Record.Value, l.Record.Key = 9_000_000, nil, nil }))
	file := here.run("dlq", "export")
	if file.code != exitFine || strings.Count(file.out, "\n") != 3 || !strings.Contains(file.err, "Written: 3 letters.") {
		t.Fatalf("%+v", file)
	}
	got := there.runWith(file.out+"not json\n{}\n\n", "dlq", "import")
	if got.code != exitLeft || !strings.Contains(got.err, "Read in: 3 letters; lines left out: 2.") || !strings.Contains(got.err, "line 5: it has no header that makes it a letter; left out") {
		t.Errorf("%+v", got)
	}
	again := there.run("dlq", "export")
	if again.out != file.out {
		t.Errorf("written\n%s\nread back as\n%s", file.out, again.out)
	}
	// Twice is once.
	if got := there.runWith(file.out, "dlq", "import"); got.code != exitFine {
		t.Errorf("%+v", got)
	}
	if got := there.run("dlq", "stats"); !strings.Contains(got.out, "outstanding          3\n") {
		t.Errorf("%s", got.out)
	}
	if got := there.run("dlq", "import", "--input=/none"); got.code != exitFailed || !strings.Contains(got.err, "opening --input") {
		t.Errorf("%+v", got)
	}
}

func TestTraceTellsWhatBecameOfAMessage(t *testing.T) {
	b := newLetterbox(t)
	publish := func(id string) {
		value := fmt.Appendf(nil, `{"roomid":7,"fromAccid":"ann","msgId":%q,"msgType":0}`, id)
		if _, err := b.client().Append(t.Context(), "chat", 1, []cluster.Message{{Key: []byte("7"), Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	publish("m0")
	publish("m1")
	publish("m2")
	if got := b.run("trace", "m2"); got.code != exitLeft || !strings.Contains(got.out, "published at chat/1:2 in room 7 by ann, resendFlag 0: not settled yet\n") {
		t.Errorf("%+v", got)
	}
	b.commit("g", 1, 3)
	if got := b.run("trace", "m2"); got.code != exitFine || !strings.HasSuffix(got.out, "resendFlag 0: settled\n") {
		t.Errorf("%+v", got)
	}
	b.fail("g", failed(1, nil))
	got := b.run("trace", "m1")
	if got.code != exitLeft || !strings.Contains(got.out, "letter 1:0 of group g, outstanding\n") || !strings.Contains(got.out, "failed at chat/1:1: refused-message") {
		t.Errorf("%+v", got)
	}
	if got := b.run("dlq", "replay", "--yes"); got.code != exitFine {
		t.Fatalf("%+v", got)
	}
	if got := b.run("trace", "m1"); got.code != exitLeft || !strings.Contains(got.out, "replayed (1) at chat/1:3 in room 7 by ann, resendFlag 1: not settled yet") || !strings.Contains(got.out, "on its way") {
		t.Errorf("%+v", got)
	}
	b.commit("g", 1, 4)
	if got := b.run("trace", "m1", "--json"); got.code != exitFine || strings.Count(got.out, "\n") != 3 || strings.Count(got.out, `"settled":true`) != 2 {
		t.Errorf("%+v", got)
	}
	for args, says := range map[string]string{
		"m9":               "no record of message m9 in 4 records that topic chat has since",
		"m1 --room=8":      "no record of message m1",
		"m1 --since=never": "takes a time",
		"":                 "accepts 1 arg",
	} {
		if got := b.run(append([]string{"trace"}, strings.Fields(args)...)...); got.code != exitFailed || !strings.Contains(got.err, says) {
			t.Errorf("%s: %+v", args, got)
		}
	}
	if got := b.run("trace", "m1", "--since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)); !strings.Contains(got.out, "letter 1:0") || strings.Contains(got.out, "published at") {
		t.Errorf("%+v", got)
	}
}

// commit commits an offset as a group without members.
func (b *letterbox) commit(group string, partition int, offset int64) {
	b.t.Helper()
	options := []kgo.Opt{kgo.SeedBrokers(b.ListenAddrs()...), kgo.MaxVersions(kversion.V3_9_0())} // newer ones name topics by id
	if m, ok := b.transport.SASL.(plain.Mechanism); ok {
		options = append(options, kgo.SASL(kplain.Auth{User: m.Username, Pass: m.Password}.AsMechanism()))
	}
	c, err := kgo.NewClient(options...)
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset = int32(partition), offset
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic, t.Partitions = "chat", append(t.Partitions, p)
	q := kmsg.NewPtrOffsetCommitRequest()
	q.Group, q.Generation, q.Topics = group, -1, append(q.Topics, t)
	answer, err := q.RequestWith(b.t.Context(), c)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		b.t.Fatalf("committing: %v", err)
	}
}
