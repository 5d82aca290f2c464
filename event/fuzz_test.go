package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
)

// FuzzDecode reads whatever bytes. What is refused is refused in few words. What is taken is held against
// the standard library's reading of the same bytes: in the form, in the schema, and in a letter.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		whole, ``, `{}`, `[]`, `{"roomid":1}`, with(`"x":1`), with(`"resendFlag":0`), with(`"resend\u0046lag":0`), with(`"ext":{"a" : "\u2028é", "b":[1e5]}`),
		with(`"attach":"😀\ud83d\ude00\u0000\b\f\n\r\t\\\"\/%+ &="`), with(`"x":{"resendFlag":0}`) + " ", `{"roomid":"-9223372036854775808","fromAccid":"\u0061","msgId":"&","msgType":10}`,
		with(`"env":"é","useYidun":0,"abandonRatio":9999,"chatMsgPriority":3,"antispamCustom":"{}"`), with(`"subType":2147483647`), with(`"x":"\ud800"`), with(`"x":-0,"route":-0`),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		e, err := Decode(Record{Value: value})
		if !bytes.Equal(value, before) {
			t.Fatal("decoding changed the record")
		}
		if err != nil {
			if i, ok := errors.AsType[*Invalid](err); !ok || e == nil || len(i.Error()) > 150 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(value, &fields); err != nil {
			t.Fatalf("taken, but the standard library says: %v", err)
		}
		if err := bySchema(value); err != nil {
			t.Fatalf("taken, but the schema says: %v", err)
		}
		checkBody(t, e, fields)
		checkLetter(t, e, fields)
	})
}

// sent is what goes into the form for a member: a string's text, and of anything else its own compacted bytes.
func sent(t *testing.T, raw json.RawMessage) string {
	if raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sentNumber is the same for an integer, which has one spelling in the form and several in an event.
func sentNumber(t *testing.T, raw json.RawMessage) string {
	s := sent(t, raw)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return sign + s
}

func checkBody(t *testing.T, e *Event, fields map[string]json.RawMessage) {
	body := AppendBody(nil, []*Event{e, e, e})
	if n := e.EnvelopeBytes() + 3*e.MessageBytes() + 2*SeparatorBytes; n != len(body) {
		t.Fatalf("counted %d bytes, encoded %d", n, len(body))
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"roomid": sentNumber(t, fields["roomid"]), "fromAccid": sent(t, fields["fromAccid"]), "msgList": form.Get("msgList")}
	for i := range catalogue {
		raw, ok := fields[catalogue[i].name]
		switch {
		case !ok:
		case catalogue[i].kind == number:
			want[catalogue[i].name] = sentNumber(t, raw)
		default:
			want[catalogue[i].name] = sent(t, raw)
		}
	}
	if len(form) != len(want) {
		t.Fatalf("form %v, want %v", form, want)
	}
	for name, w := range want {
		if len(form[name]) != 1 || form[name][0] != w {
			t.Fatalf("%s is %q, want %q", name, form[name], w)
		}
	}
	checkMessages(t, e, fields, form.Get("msgList"))
}

func checkMessages(t *testing.T, e *Event, fields map[string]json.RawMessage, text string) {
	var list []map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 3 {
		t.Fatalf("%d messages, %v", len(list), err)
	}
	want := map[string]string{"resendFlag": string('0' + rune(e.Flag)), "msgId": sent(t, fields["msgId"]), "msgType": sentNumber(t, fields["msgType"])}
	for _, name := range []string{"attach", "ext", "subType"} {
		if raw, ok := fields[name]; ok {
			want[name] = sent(t, raw)
		}
	}
	for _, m := range list {
		if len(m) != len(want) {
			t.Fatalf("message %s, want %v", m, want)
		}
		for name, w := range want {
			if sent(t, m[name]) != w {
				t.Fatalf("%s is %s, want %q", name, m[name], w)
			}
		}
	}
}

func checkLetter(t *testing.T, e *Event, fields map[string]json.RawMessage) {
	value := WithResendFlag(e.Value)
	again, err := Decode(Record{Value: value})
	if err != nil {
		t.Fatalf("%s is no event any more: %v", value, err)
	}
	if again.Resend != 1 || again.Flag != 1 {
		t.Fatalf("%s is not flagged", value)
	}
	if !CanShare(e, again) || !bytes.Equal(e.AppendMessage(nil, 0), again.AppendMessage(nil, 0)) {
		t.Fatalf("%s is another event", value)
	}
	var now map[string]json.RawMessage
	if err := json.Unmarshal(value, &now); err != nil {
		t.Fatal(err)
	}
	if string(now["resendFlag"]) != "1" {
		t.Fatalf("resendFlag is %s", now["resendFlag"])
	}
	for name, raw := range fields {
		if name != "resendFlag" && !bytes.Equal(now[name], raw) {
			t.Fatalf("%q became %s, was %s", name, now[name], raw)
		}
	}
	changed := `,"resendFlag":1`
	if _, had := fields["resendFlag"]; had {
		changed = "1"
	}
	if n := len(value) - commonBytes(value, e.Value); n > len(changed) || len(now) < len(fields) {
		t.Fatalf("more changed than resendFlag: %s", value)
	}
}

// commonBytes is how much of a stands in b at the same place from either end.
func commonBytes(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	head := n
	for n < min(len(a), len(b)) && a[len(a)-1-n+head] == b[len(b)-1-n+head] {
		n++
	}
	return n
}
