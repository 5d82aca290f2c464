package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"roomrelay/internal/audit"
	"roomrelay/internal/chat"
)

func TestMistakesOnTheCommandLineAreToldByName(t *testing.T) {
	for args, want := range map[string]string{
		"--rooms 0":            "--rooms",
		"--speed -1":           "--speed",
		"--workers 0":          "--workers",
		"--rate -1 --events=x": "events",
		"--ordering random":    "--ordering",
		"--latency soon":       "latency",
		"extra":                "extra",
		"--speed NaN":          "--speed",
	} {
		if _, err := parse(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", args, err)
		}
	}
	if _, err := parse(strings.Fields("--ordering random --rooms 0"), io.Discard); err == nil ||
		!strings.Contains(err.Error(), "--ordering") || !strings.Contains(err.Error(), "--rooms") {
		t.Errorf("two mistakes, told: %v", err)
	}
	var help bytes.Buffer
	if _, err := parse([]string{"--help"}, &help); !errors.Is(err, pflag.ErrHelp) || !strings.Contains(help.String(), "--faults") {
		t.Errorf("--help: %v %q", err, help.String())
	}
}

func TestACutWireReachesNobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	w := newWire(nil)
	c, err := w.Dial(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	w.Cut()
	if _, err := c.Write([]byte("x")); err == nil {
		t.Error("a write on a cut wire went through")
	}
	if _, err := w.Dial(t.Context(), "tcp", listener.Addr().String()); err == nil {
		t.Error("a cut wire connects")
	}
}

func TestTheCastIsTheHottestRoomAndAQuietOne(t *testing.T) {
	var lines []chat.Line
	for room, n := range map[int64]int{1: 9, 2: 5, 3: 1} {
		for range n {
			lines = append(lines, chat.Line{Room: room, Valid: true})
		}
	}
	for range 50 {
		lines = append(lines, chat.Line{Room: 4})
	}
	if got, want := castOf(lines), (cast{hot: 1, closed: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := castOf(lines[:1]); got != (cast{}) {
		t.Errorf("one room alone plays %+v", got)
	}
}

func TestTheJSONHasTheNamesThatScriptsRead(t *testing.T) {
	r := &report{Result: audit.Result{Published: 2, Violations: slices.Repeat([]audit.Violation{{Kind: audit.Lost}}, 30)}}
	var out bytes.Buffer
	if err := r.writeJSON(&out); err != nil {
		t.Fatal(err)
	}
	if bytes.Count(out.Bytes(), []byte("\n")) != 1 {
		t.Errorf("more than one line: %q", out.String())
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq("published delivered deadLettered invalid falseLetters lost shownTwice unflagged swapped letters replayed discarded cameBack outstanding apiCalls messagesPerCall seconds") {
		if _, ok := got[name].(float64); !ok {
			t.Errorf("%s is missing", name)
		}
	}
	if n := len(got["violations"].([]any)); n != told {
		t.Errorf("%d violations are told, want %d", n, told)
	}
}

func TestWhatAnInterruptedRunLeavesIsNotLost(t *testing.T) {
	r := &report{Result: audit.Result{Published: 3, Delivered: 1, Lost: 2, Violations: []audit.Violation{
		{Kind: audit.Lost}, {Kind: audit.Swapped}, {Kind: audit.Lost},
	}}}
	r.interrupt()
	if r.Lost != 0 || r.Unsettled != 2 || len(r.Violations) != 1 || r.Violations[0].Kind != audit.Swapped {
		t.Errorf("%+v", r)
	}
	var text bytes.Buffer
	if err := r.writeText(&text); err != nil || !strings.Contains(text.String(), "still in Kafka") {
		t.Errorf("%v: %s", err, text.String())
	}
}

// The whole demo, without faults and as fast as it goes.
func TestADemoEndsWithAnAuditThatHolds(t *testing.T) {
	r, code := demo(t, "--events", "600", "--speed", "0", "--rate", "0", "--json")
	if code != exitFine || !r.OK() {
		t.Errorf("exit %d: %+v", code, r)
	}
	// Repeated lines are published, but no events of their own.
	if r.Published < 580 || r.Published > 600 || r.Invalid == 0 || r.DeadLettered != r.Invalid {
		t.Errorf("%+v", r)
	}
}

// Ctrl-C is the way out of a demo that holds, and its audit counts.
func TestADemoThatHoldsLeavesItsLettersOutstanding(t *testing.T) {
	o, err := parse([]string{"--hold", "--events", "600", "--speed", "0", "--rate", "0"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	var r *report
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r, err = perform(ctx, o, said)
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for text := ""; !strings.Contains(text, "export ROOMRELAY_BROKERS=127.0.0.1:"); {
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("it ended by itself: %v", err)
		}
		b, err := os.ReadFile(said.Name())
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	stop()
	<-ended
	if err != nil || !r.OK() || r.Interrupted || !r.Held || r.Outstanding == 0 || r.Outstanding != r.Invalid || r.Replayed+r.Discarded > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestADemoOfAFilePublishesAllOfIt(t *testing.T) {
	file := filepath.Join(t.TempDir(), "chat.ndjson")
	text := `{"atMs":0,"event":{"roomid":1,"fromAccid":"ann","msgId":"1","msgType":0,"attach":"a"}}
{"roomid":1,"fromAccid":"ann","msgId":"2","msgType":0,"attach":"b"}
no event at all
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, code := demo(t, "--input", file, "--json")
	if code != exitFine || r.Published != 3 || r.Delivered != 2 || r.Invalid != 1 {
		t.Errorf("exit %d: %+v", code, r)
	}
}

func TestADemoWithoutItsFileSaysSo(t *testing.T) {
	if _, code := demo(t, "--input", filepath.Join(t.TempDir(), "none")); code != exitBroken {
		t.Errorf("exit %d", code)
	}
}

// demo runs the program and reads its audit, if it writes one.
func demo(t *testing.T, args ...string) (*report, int) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	view, err := os.CreateTemp(t.TempDir(), "view")
	if err != nil {
		t.Fatal(err)
	}
	code := run(args, out, view)
	r := &report{}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 0 {
		if err := json.Unmarshal(text, r); err != nil {
			t.Fatalf("%v: %q", err, text)
		}
	}
	if shown, err := os.ReadFile(view.Name()); err == nil {
		t.Logf("exit %d, view:\n%s", code, shown)
	}
	return r, code
}
