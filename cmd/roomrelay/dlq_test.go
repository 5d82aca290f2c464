package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/deadletter"
	"roomrelay/event"
)

// letterbox is an embedded broker with a topic and its dead-letter topic.
type letterbox struct {
	*kfake.Cluster
	t         *testing.T
	transport *kafka.Transport
}

func newLetterbox(t *testing.T) *letterbox {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "chat", "dlq.chat"))
	if err != nil {
		t.Fatal(err)
	}
	b := &letterbox{Cluster: c, t: t, transport: &kafka.Transport{}}
	t.Cleanup(func() {
		b.transport.CloseIdleConnections()
		c.Close()
	})
	return b
}

// failed is a letter of an event that stands at the offset of partition 1.
func failed(offset int64, change func(*deadletter.Letter)) *deadletter.Letter {
	l := &deadletter.Letter{
		Record: event.Record{
			Partition: 1, Offset: offset, Key: []byte("7"), Time: time.Now(),
			Value:   fmt.Appendf(nil, `{"roomid":7,"fromAccid":"ann","msgId":"m%d","msgType":0,"attach":"hi"}`, offset),
			Headers: []event.Header{{Key: "trace", Value: fmt.Append(nil, "t", offset)}},
		},
		Room: 7, MsgID: fmt.Sprint("m", offset), Reason: "refused-message", Outcome: deadletter.OutcomeRefused, Code: 200, HTTPStatus: 200,
		Attempts: 1, Message: "hit moderation", FailedAt: time.Now(),
	}
	if change != nil {
		change(l)
	}
	return l
}

// fail writes letters of a group as its worker does.
func (b *letterbox) fail(group string, letters ...*deadletter.Letter) {
	b.t.Helper()
	written := make(chan int, len(letters))
	w := deadletter.New(deadletter.Config{
		Transport: b.transport, Addr: kafka.TCP(b.ListenAddrs()...), Topic: "dlq.chat", SourceTopic: "chat", Group: group,
		Written: func(l []*deadletter.Letter) { written <- len(l) }, Log: zerolog.Nop(),
	})
	for _, l := range letters {
		w.Put(l)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for n := 0; n < len(letters); n += <-written {
	}
	cancel()
	<-ended
}

func (b *letterbox) run(args ...string) outcome {
	return b.runWith("", args...)
}

// runWith answers questions with in.
func (b *letterbox) runWith(in string, args ...string) outcome {
	environ := []string{"ROOMRELAY_BROKERS=" + b.ListenAddrs()[0], "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=g"}
	return execute(strings.NewReader(in), environ, args...)
}

func TestStatsCountWhatIsOutstanding(t *testing.T) {
	b := newLetterbox(t)
	b.fail("g", failed(1, nil), failed(2, func(l *deadletter.Letter) { l.Room, l.FailedAt = 9, time.Now().Add(-2*time.Hour) }),
		failed(3, func(l *deadletter.Letter) {
			l.Reason, l.Outcome, l.Code, l.Invalid = deadletter.ReasonInvalid, deadletter.OutcomeNeverSent, 0, true
		}))
	b.fail("other", failed(1, nil))
	got := b.run("dlq", "stats")
	for _, want := range []string{
		"outstanding          3\n", "on their way         0\n", "done                 0\n", "refused-message              2\n", "invalid                      1\n",
		"never-sent                   1\n", "by room (of 2)\n  7                            2\n", "1h to 6h                     1\n", "retention takes the oldest one from", "over time", "█",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q", want)
		}
	}
	if got.code != exitFine || got.err != "" || t.Failed() {
		t.Errorf("exit %d\n%s%s", got.code, got.out, got.err)
	}
	var s stats
	got = b.run("dlq", "stats", "--all-groups", "--json", "--room=7", "--top=1")
	if err := json.Unmarshal([]byte(got.out), &s); err != nil || s.Outstanding != 3 || s.Rooms != 1 || len(s.ByRoom) != 1 || s.Group != "" || s.Retention != "168h0m0s" || s.TakenFrom == nil {
		t.Errorf("%v %+v", err, s)
	}
}

func TestLsTellsLettersAndHidesWhatMovesATerminal(t *testing.T) {
	b := newLetterbox(t)
	b.fail("g", failed(1, func(l *deadletter.Letter) { l.Message, l.MsgID = "red \x1b[31m text\u202e", "m\x9b1" }), failed(2, nil))
	b.fail("other", failed(1, nil))
	got := b.run("dlq", "ls")
	if got.code != exitFine || strings.ContainsAny(got.out, "\x1b\u202e\u009b") || !strings.Contains(got.out, `red \x1b[31m text\u202e`) {
		t.Errorf("%+v", got)
	}
	if lines := strings.Split(strings.TrimSpace(got.out), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[2], "1:1") {
		t.Errorf("%q, want a head and two letters, the newest last", lines)
	}
	got = b.run("dlq", "ls", "--json", "--limit=1")
	var x letterJSON
	if err := json.Unmarshal([]byte(got.out), &x); err != nil || x.MsgID != "m2" || x.Sender != "ann" || x.State != "outstanding" || x.FirstOffset != 2 || x.FailedAt == nil {
		t.Errorf("%v %+v", err, x)
	}
	if got := b.run("dlq", "ls", "--json", "--msgid=m\ufffd1"); strings.ContainsAny(got.out, "\x1b\u202e") || !strings.Contains(got.out, `\u202e`) {
		t.Errorf("%+v", got)
	}
	if got := b.run("dlq", "ls", "--reason=given-up"); got.code != exitFine || got.out != "" || got.err != "No outstanding letters.\n" {
		t.Errorf("%+v", got)
	}
	if got := b.run("dlq", "ls", "--all-groups"); strings.Count(got.out, "\n") != 4 {
		t.Errorf("%+v", got)
	}
}

func TestShowTellsAllOfALetter(t *testing.T) {
	b := newLetterbox(t)
	b.fail("g", failed(1, nil), failed(2, nil))
	for _, args := range [][]string{{"1:0"}, {"--msgid=m1"}} {
		got := b.run(append([]string{"dlq", "show"}, args...)...)
		for _, want := range []string{"Letter 1:0, outstanding", "failed at chat/1:1: refused-message, code 200, hit moderation", "trace: t1", `"msgId":"m1"`, `"resendFlag":1`} {
			if !strings.Contains(got.out, want) {
				t.Errorf("%v: no %q in\n%s%s", args, want, got.out, got.err)
			}
		}
	}
	var x shownJSON
	got := b.run("dlq", "show", "1:1", "--json")
	if err := json.Unmarshal([]byte(got.out), &x); err != nil || x.Value == nil || !strings.Contains(*x.Value, "m2") || len(x.History) != 1 || len(x.Headers) < 10 || *x.Key != "7" {
		t.Errorf("%v %+v", err, x)
	}
	for args, says := range map[string]string{
		"1:7":             "there is no letter at 1:7",
		"9:0":             "has no partition 9",
		"seven":           "takes PARTITION:OFFSET",
		"--msgid=x":       "no letter of that message",
		"":                "say which letter",
		"1:0 1:1":         "at most 1 arg",
		"1:0 --ouch":      "unknown flag: --ouch",
		"1:0 --topic=a/b": "takes up to 249 letters",
	} {
		if got := b.run(append([]string{"dlq", "show"}, strings.Fields(args)...)...); got.code != exitFailed || !strings.Contains(got.err, says) {
			t.Errorf("%s: %+v, want %q", args, got, says)
		}
	}
}

func TestOperatorsAreToldWhatIsWrong(t *testing.T) {
	b := newLetterbox(t)
	for args, says := range map[string]string{
		"dlq lss":                         `unknown command "lss"`,
		"dlq ls --since=soon":             "takes a time, such as 2026-05-01T08:00:00Z, or how long ago it was",
		"dlq ls --outcome=bad":            "takes never-sent, refused or unknown",
		"dlq ls --offset=3":               "means something only with --partition",
		"dlq ls --limit=-1":               "takes 0 (all) or more",
		"dlq ls --topic=none":             `topic "dlq.none": it doesn't exist; check --topic and --dead-letter-topic`,
		"dlq ls --brokers=[::1]:1":        "connection refused",
		"dlq ls --replays=many":           "takes a number",
		"dlq ls extra":                    `unknown command "extra"`,
		"dlq stats --tls":                 "does this listener speak TLS?",
		"dlq ls --dead-letter-topic=chat": "takes another topic than that of the events",
	} {
		begun := time.Now()
		got := b.run(strings.Fields(args)...)
		if got.code != exitFailed || !strings.Contains(got.err, says) || got.out != "" || time.Since(begun) > 11*time.Second {
			t.Errorf("%s: %+v after %v, want %q", args, got, time.Since(begun), says)
		}
	}
	b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.GroupAuthorizationFailed, Count: -1})
	if got := b.run("dlq", "ls"); got.code != exitFailed || !strings.Contains(got.err, "DESCRIBE on topic chat and on group g") {
		t.Errorf("%+v", got)
	}
}

func TestTextIsCutByWidthAndSaysSo(t *testing.T) {
	for _, c := range []struct {
		text string
		to   int
		want string
	}{{"hello", 5, "hello"}, {"hello", 4, "hel…"}, {"敏感词", 6, "敏感词"}, {"敏感词", 5, "敏感…"}, {"敏感词", 4, "敏…"}, {"x", 0, ""}} {
		if got := cut(c.text, c.to); got != c.want {
			t.Errorf("%q to %d: %q, want %q", c.text, c.to, got, c.want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m1s", 25 * time.Hour: "1d1h", 3 * time.Hour: "3h0m"} {
		if got := span(d); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
}

func TestATableFitsTheScreen(t *testing.T) {
	make := func() *table {
		x := newTable("PLACE", "#CODE", "OUTCOME", "SAID")
		x.spare = []string{"OUTCOME", "CODE"}
		x.row("1:2", "404", "refused", "the room doesn't exist any more, or never did")
		return x
	}
	for screen, want := range map[int]string{
		0:  "PLACE  CODE  OUTCOME  SAID\n1:2     404  refused  the room doesn't exist any more, or never did\n",
		50: "PLACE  CODE  OUTCOME  SAID\n1:2     404  refused  the room doesn't exist any …\n",
		40: "PLACE  CODE  SAID\n1:2     404  the room doesn't exist any…\n",
		30: "PLACE  SAID\n1:2    the room doesn't exist…\n",
		10: "PLACE  SA…\n1:2    th…\n",
	} {
		var out text
		make().fit(&out, screen)
		if out.String() != want {
			t.Errorf("%d columns:\n%s\nwant\n%s", screen, out.String(), want)
		}
	}
}
