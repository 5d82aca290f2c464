package event

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"
)

const whole = `{"roomid":"4711","fromAccid":"ann","msgId":"m-1","msgType":100,"attach":{"a" : [1, "é"]},"ext":"x\"y\\z\u0000","subType":3,"resendFlag":1,` +
	`"ignoreMute":false,"useYidun":0,"bid":"","env":"a b&c","unknown":{"deep":[1]}}`

func TestEveryFieldReachesTheBody(t *testing.T) {
	e := mustDecode(t, whole)
	form, err := url.ParseQuery(string(AppendBody(nil, []*Event{e, e})))
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]string{"roomid": "4711", "fromAccid": "ann", "ignoreMute": "false", "useYidun": "0", "bid": "", "env": "a b&c"} {
		if got, ok := form[k]; !ok || got[0] != want {
			t.Errorf("%s = %v, want %q", k, got, want)
		}
	}
	if len(form) != 7 {
		t.Errorf("form %v: want nothing but what is known", form)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(form.Get("msgList")), &list); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"attach": `{"a":[1,"é"]}`, "ext": "x\"y\\z\x00", "msgId": "m-1", "msgType": 100., "subType": 3., "resendFlag": 1.}
	for _, m := range list {
		if len(m) != len(want) {
			t.Errorf("message %v, want %v", m, want)
		}
		for k, v := range want {
			if m[k] != v {
				t.Errorf("%s = %v, want %v", k, m[k], v)
			}
		}
	}
	if n := e.EnvelopeBytes() + 2*e.MessageBytes() + SeparatorBytes; n != len(AppendBody(nil, []*Event{e, e})) {
		t.Errorf("counted %d bytes, encoded %d", n, len(AppendBody(nil, []*Event{e, e})))
	}
}

// Every character in every place that takes text, so that none is escaped wrongly in JSON or in the form.
func TestEveryCharacterReachesTheBody(t *testing.T) {
	check := func(text string) {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		e := mustDecode(t, fmt.Sprintf(`{"roomid":1,"fromAccid":%[1]s,"msgId":%[1]s,"msgType":0,"attach":%[1]s,"ext":%[1]s,"bid":%[1]s}`, quoted))
		body := AppendBody(nil, []*Event{e})
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var list []map[string]any
		if err := json.Unmarshal([]byte(form.Get("msgList")), &list); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for where, got := range map[string]any{
			"fromAccid": form.Get("fromAccid"), "bid": form.Get("bid"),
			"msgId": list[0]["msgId"], "attach": list[0]["attach"], "ext": list[0]["ext"],
		} {
			if got != text {
				t.Errorf("%s is %q, want %q", where, got, text)
			}
		}
		if e.MessageBytes() != len(e.AppendMessage(nil, 0)) || e.EnvelopeBytes()+e.MessageBytes() != len(body) {
			t.Errorf("%q: counted %d and %d bytes, encoded %d", text, e.EnvelopeBytes(), e.MessageBytes(), len(body))
		}
	}
	for r := range rune(0x3000) {
		check("a" + string(r) + string(r) + "b")
	}
	for _, r := range []rune{0xd7ff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0x10000, 0x1f600, 0x10ffff} {
		check(string(r))
	}
}

func TestAMessageIsEncodedInThePagesOrder(t *testing.T) {
	e := mustDecode(t, `{"resendFlag":1,"subType":1,"msgType":100,"msgId":"m","ext":"e","attach":"a","fromAccid":"s","roomid":1}`)
	got, err := url.QueryUnescape(string(e.AppendMessage(nil, 0)))
	if want := `{"attach":"a","ext":"e","msgId":"m","msgType":100,"subType":1,"resendFlag":0}`; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

func TestEventsShareARequestOnlyIfRoomSenderAndOptionsAreEqual(t *testing.T) {
	event := func(room, sender, options string) *Event {
		return mustDecode(t, `{"roomid":`+room+`,"fromAccid":"`+sender+`","msgId":"m","msgType":0`+options+`}`)
	}
	a := event("1", "a", `,"route":0,"env":"x"`)
	for _, c := range []struct {
		b    *Event
		want bool
	}{
		{event(`"1"`, "a", `,"env":"x","route":0`), true}, // however it is written
		{event("2", "a", `,"route":0,"env":"x"`), false},
		{event("1", "A", `,"route":0,"env":"x"`), false},
		{event("1", "a", `,"route":1,"env":"x"`), false},
		{event("1", "a", `,"route":0,"env":""`), false},
		{event("1", "a", `,"route":0`), false}, // absent is not the same as zero
		{event("1", "a", ``), false},
	} {
		if got := CanShare(a, c.b); got != c.want {
			t.Errorf("%q with %q: %v", a.Options, c.b.Options, got)
		}
	}
}

// An option can't be written so that it looks like another one.
func TestAnOptionsTextStaysInItsOption(t *testing.T) {
	a := mustDecode(t, with(`"bid":"x&env=y"`))
	b := mustDecode(t, with(`"bid":"x","env":"y"`))
	if CanShare(a, b) {
		t.Errorf("both are %q", a.Options)
	}
}

func TestEncodingAllocatesNothingButTheBody(t *testing.T) {
	batch := []*Event{mustDecode(t, whole), mustDecode(t, whole)}
	dst := AppendBody(nil, batch)
	if n := testing.AllocsPerRun(100, func() { dst = AppendBody(dst[:0], batch) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAppendBody(b *testing.B) {
	var batch []*Event
	for range 10 {
		batch = append(batch, mustDecode(b, `{"roomid":700054,"fromAccid":"gianluca","msgId":"2006-06-05-00664","msgType":0,"attach":"kasumix are you on line? I have a question about it"}`))
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendBody(dst[:0], batch)
	}
}
