package sender

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"roomrelay/event"
)

// told is what an answer says of messages a, b and "q\"\u00e9", one letter each: f, s, B for both, - for
// neither; or why it can't be read.
func told(t testing.TB, body string) string {
	var sent []*event.Event
	for _, id := range []string{"a", "b", "q\"\u00e9"} {
		sent = append(sent, messages(t, 1, id)...)
	}
	a := Answer{Kind: Answered, HTTPStatus: 200}
	a.read([]byte(body), sent)
	if !a.HasCode {
		return "unreadable"
	}
	out := fmt.Sprint(a.Code, " ")
	for _, m := range a.mentions {
		out += map[[2]bool]string{{true, false}: "f", {false, true}: "s", {true, true}: "B", {}: "-"}[[2]bool{m.failed, m.succeeded}]
	}
	if a.hasSuccess {
		out += " success"
	}
	return out
}

func TestEveryShapeOfAnAnswerIsRead(t *testing.T) {
	text := func(s string) string { b, _ := json.Marshal(s); return string(b) }
	for body, want := range map[string]string{
		`{"code":200}`:                  "200 ---",
		`{"code":"200"}`:                "200 ---",
		` {"code" : " 200 "} ` + "\r\n": "200 ---",
		`{"fail":[{"a":"no"}],"code":200,"success":[{"b":{"x":[1,{"a":2}]}},{"q\"é":null}]}`: "200 fss success",
		`{"success":[{"q\"\u00e9":1,"b":"x"}],"code":200,"fail":[]}`:                         "200 -ss success",
		`{"code":200,"fail":` + text(`[{"a":"no"},{"b":7}]`) + `,"success":"[]"}`:            "200 ff- success",
		`{"code":200,"fail":` + text(`[{"q\"é":"no"}]`) + `}`:                                "200 --f",
		`{"code":200,"fail":null,"success":null}`:                                            "200 ---",
		`{"code":200,"fail":"","success":[]}`:                                                "200 --- success",
		`{"code":200,"fail":[{}],"success":[{"zzz":{}}]}`:                                    "200 --- success",
		`{"code":200,"fail":[{"a":"x"}],"success":[{"a":{}}]}`:                               "200 B-- success",
		`{"code":200,"code":404}`:                                                            "404 ---",
		`{"code":200,"fail":[{"a":1}],"fail":[],"x":1,"x":2}`:                                "200 f--",
		"{\"code\":200,\"fail\":[{\"a\":\"\xff\"}],\"\xfe\":1}":                              "200 f--",
		`{"code":416,"desc":{"a":1},"fail":null}`:                                            "416 ---",
		// What can't be read whole says nothing.
		``: "unreadable", `[]`: "unreadable", `null`: "unreadable", `200`: "unreadable", `<html>`: "unreadable",
		`{}`: "unreadable", `{"Code":200}`: "unreadable", `{"code":null}`: "unreadable", `{"code":200.5}`: "unreadable",
		`{"code":"ok"}`: "unreadable", `{"code":99999999999999999999}`: "unreadable",
		`{"code":200`: "unreadable", `{"code":200}}`: "unreadable", `{"code":200}{"code":404}`: "unreadable",
		`{"code":200,"fail":[{"a":"no"}`: "unreadable", `{"code":200,"fail":{"a":"no"}}`: "unreadable",
		`{"code":200,"fail":["a"]}`: "unreadable", `{"code":200,"fail":[{"a":1}`: "unreadable", `{"code":200,"fail":3}`: "unreadable",
		`{"code":200,"success":"[{\"a\":1}"}`: "unreadable", `{"code":200,"success":"nope"}`: "unreadable",
		`{"code":200,"success":"[] []"}`: "unreadable", `{"code":200,"success":true}`: "unreadable",
		`{"code":414 "desc":"x"}`:  "unreadable",
		strings.Repeat("[", 1<<16): "unreadable", `{"code":200,"x":` + strings.Repeat("[", 1<<16): "unreadable",
	} {
		if got := told(t, body); got != want {
			t.Errorf("%.80s: %s, want %s", body, got, want)
		}
	}
}

func TestReasonsAreKept(t *testing.T) {
	sent := messages(t, 1, "a", "b", "c")
	a := Answer{}
	a.read([]byte(`{"code":200,"desc":"d","fail":[{"a":"first"},{"a":"second"},{"b":{"why":1}},{"c":null}]}`), sent)
	for i, want := range []string{"first", `{"why":1}`, "null"} {
		expect(t, "reason", a.mentions[i].reason, want)
	}
	expect(t, "desc", a.Desc, "d")
}

func TestWhatIsKeptOfAnAnswerIsBounded(t *testing.T) {
	for _, s := range []string{strings.Repeat("x", 1<<20), strings.Repeat("é", 1000), strings.Repeat("\xff", 1000), strings.Repeat("\x80", 499) + "日本", "kurz"} {
		got := bounded(s)
		if len(got) > 500 || !utf8.ValidString(got) || utf8.ValidString(s) && len(got) < min(len(s), 490) {
			t.Errorf("%.10q: %d bytes kept of %d, valid %v", s, len(got), len(s), utf8.ValidString(got))
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	for _, s := range []string{`{"code":200}`, `{"fail":"[{\"a\":\"x\"}]","code":"200","success":[{"b":{}}]}`, `{"code":414,"desc":"CurTime"}`, "{\"\xff", `{"code":200,"fail":[[]]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		sent := messages(t, 1, "a", "b")
		var a, again Answer
		a.Kind, a.HTTPStatus = Answered, 200
		a.read(body, sent)
		again.read(body, sent)
		if len(a.mentions) != 2 || a.HasCode != again.HasCode || a.Code != again.Code {
			t.Fatalf("read twice: %+v, %+v", a, again)
		}
		var plain map[string]any
		if a.HasCode && json.Valid(body) && json.Unmarshal(body, &plain) != nil {
			t.Fatalf("taken for an answer: %q", body)
		}
		if v := a.judge(); !a.HasCode && v != Unknown {
			t.Fatalf("unreadable, but %s: %q", v, body)
		}
	})
}
