package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/deadletter"
)

// standing is how many records a topic has.
func (b *letterbox) standing(topic string) (n int64) {
	for p := range int32(3) {
		n += b.PartitionInfo(topic, p).HighWatermark
	}
	return n
}

func TestReplayTellsWhatItIsAboutToDoAndAsks(t *testing.T) {
	b := newLetterbox(t)
	b.fail("g", failed(1, nil), failed(2, nil), failed(3, func(l *deadletter.Letter) {
		l.Outcome, l.FirstFailedAt = deadletter.OutcomeUnknown, time.Now().Add(-2*time.Hour)
	}))
	b.fail("other", failed(9, func(l *deadletter.Letter) { l.MsgID = "theirs" }))
	for _, c := range []struct {
		answer, args string
		code         int
		says         string
		published    int64
	}{
		{"n\n", "", exitFailed, "Go on? [y/N] Nothing was done.", 0},
		{"", "", exitFailed, "Nothing was done.", 0},
		{"", "--dry-run", exitFine, "Replay 2 letters of group g on dlq.chat to topic chat\n  REASON           OUTCOME  LETTERS\n  refused-message  refused        2\nLeft aside:\n          1  may have been shown, more than 1h0m0s ago", 0},
		{"", "--reason=given-up", exitFine, "No outstanding letters are chosen.", 0},
		{"y\n", "--limit=1 --until=0s --outcome=refused", exitFine, "Published and marked: 1 letter.", 1},
		{"", "--all-groups --yes --msgid=theirs", exitLeft, "1  of group other: only its own commits tell", 1},
		{"", "--yes --dedupe-window=1d --wait=100ms", exitLeft, "Delivered: 0; came back: 0; not settled yet: 2.", 3},
		{"", "--yes --json", exitFine, "No outstanding letters are chosen.", 3},
	} {
		got := b.runWith(c.answer, append([]string{"dlq", "replay"}, strings.Fields(c.args)...)...)
		if got.code != c.code || !strings.Contains(got.err, c.says) || b.standing("chat") != c.published {
			t.Errorf("%s: exit %d, %d published\n%swant %d, %d and %q", c.args, got.code, b.standing("chat"), got.err, c.code, c.published, c.says)
		}
		if strings.Contains(c.args, "wait") && !strings.Contains(got.err, "nobody is working: group g has no members") {
			t.Errorf("%s: it doesn't say that nobody works\n%s", c.args, got.err)
		}
	}
	// Nobody has settled them, so they are on their way.
	if got := b.run("dlq", "ls", "--all"); strings.Count(got.out, "on its way   replayed ")+strings.Count(got.out, "on its way  replayed ") != 3 {
		t.Errorf("%s", got.out)
	}
}

func TestReplayTakesOnlyChangesThatItUnderstands(t *testing.T) {
	b := newLetterbox(t)
	b.fail("g", failed(1, nil), failed(2, nil))
	file := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(file, []byte(`{"roomid":8,"fromAccid":"ann","msgId":"other","msgType":0}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, says := range map[string]string{
		"--set attach":                   `takes field=value`,
		"--set atach=x":                  `"atach" is no field of an event`,
		"--set msgType=x":                `is no number`,
		"--set attach=x":                 `--set would change 2 letters: choose one with --partition and --offset, or say --force`,
		"--set msgId=x --force":          `--set msgId is for one letter`,
		"--value-file=/none":             `takes a file that can be read`,
		"--value-file=" + file:           `--value-file is for one letter`,
		"--dedupe-window=long":           `takes a duration`,
		"--max-replays=-1 --room-rate=-": `invalid argument`,
		"--max-unsettled=-1":             `takes 0 (no limit) or more`,
	} {
		got := b.run(append([]string{"dlq", "replay", "--yes"}, strings.Fields(args)...)...)
		if got.code != exitFailed || !strings.Contains(got.err, says) || b.standing("chat") != 0 {
			t.Errorf("%s: exit %d, %s", args, got.code, got.err)
		}
	}
	if got := b.run("dlq", "replay", "--yes", "--partition=1", "--offset=0", "--value-file="+file); got.code != exitFine || b.standing("chat") != 1 {
		t.Errorf("%+v", got)
	}
	if got := b.run("dlq", "replay", "--yes", "--set=attach=x", "--json", "--by=ann", "--why=typo"); got.code != exitFine || !strings.HasPrefix(got.out, `{"published":1,`) {
		t.Errorf("%+v", got)
	}
	if got := b.run("dlq", "ls", "--all", "--json", "--msgid=m2"); !strings.Contains(got.out, `"by":"ann","why":"typo","replays":0,"topic":"chat"`) {
		t.Errorf("%+v", got)
	}
}

func TestReplayGoesToAnotherTopicOnlyIfTold(t *testing.T) {
	b := newLetterbox(t)
	if err := b.CreateTopic("else", 3, nil); err != nil {
		t.Fatal(err)
	}
	b.fail("g", failed(1, nil))
	if got := b.run("dlq", "replay", "--yes", "--to=none"); got.code != exitFailed || !strings.Contains(got.err, `topic "none": it doesn't exist`) {
		t.Errorf("%+v", got)
	}
	if got := b.run("dlq", "replay", "--yes", "--to=else"); got.code != exitFine || b.standing("else") != 1 || b.standing("chat") != 0 {
		t.Errorf("%+v", got)
	}
	// What becomes of it there isn't known here: it is done.
	if got := b.run("dlq", "stats"); !strings.Contains(got.out, "done                 1\n") {
		t.Errorf("%+v", got)
	}
}

func TestReplayStopsInOrder(t *testing.T) {
	b := newLetterbox(t)
	var all []*deadletter.Letter
	for i := range int64(30) {
		all = append(all, failed(i, nil))
	}
	b.fail("g", all...)
	signals := make(chan os.Signal, 1)
	var once sync.Once
	b.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if r.(*kmsg.ProduceRequest).Topics[0].Topic != "chat" {
			return nil, nil, false
		}
		once.Do(func() { signals <- syscall.SIGINT }) // a second one would end it at once
		return nil, nil, false
	})
	var out, err text
	p := &program{environ: []string{"ROOMRELAY_BROKERS=" + b.ListenAddrs()[0], "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=g"}, in: strings.NewReader(""), out: &out, err: &err}
	code := p.run([]string{"dlq", "replay", "--yes", "--json"}, signals)
	var s replaySummary
	if e := json.Unmarshal([]byte(out.String()), &s); e != nil || code != exitLeft || s.Published != 10 || s.Rest != 20 || !strings.Contains(err.String(), "running it again goes on from here") {
		t.Errorf("exit %d, %+v, %v\n%s", code, s, e, err.String())
	}
	if got := b.run("dlq", "ls"); strings.Count(got.out, "\n") != 21 {
		t.Errorf("%s", got.out)
	}
}

func TestDiscardNeedsAReasonAndKeepsIt(t *testing.T) {
	b := newLetterbox(t)
	b.fail("g", failed(1, nil), failed(2, func(l *deadletter.Letter) { l.Room = 9 }))
	if got := b.run("dlq", "discard", "--yes"); got.code != exitFailed || !strings.Contains(got.err, "why: is required") {
		t.Errorf("%+v", got)
	}
	if got := b.runWith("y\n", "dlq", "discard", "--room=9", "--why=room closed"); got.code != exitFine || !strings.Contains(got.err, "Discarded: 1 letter.") {
		t.Errorf("%+v", got)
	}
	got := b.run("dlq", "ls", "--all")
	if !strings.Contains(got.out, ": room closed\n") || strings.Count(got.out, "done") != 1 || b.standing("chat") != 0 {
		t.Errorf("%s", got.out)
	}
	if got := b.run("dlq", "show", "--msgid=m2"); !strings.Contains(got.out, "discarded by ") || !strings.Contains(got.out, "Letter 1:1, done") {
		t.Errorf("%+v", got)
	}
}
