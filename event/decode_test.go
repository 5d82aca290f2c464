package event

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

func decode(t testing.TB, value string) (*Event, error) {
	t.Helper()
	return Decode(Record{Value: []byte(value)})
}

func mustDecode(t testing.TB, value string) *Event {
	t.Helper()
	e, err := decode(t, value)
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return e
}

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

func with(member string) string {
	return `{"roomid":1,"fromAccid":"a","msgId":"m","msgType":0,` + member + `}`
}

func TestWhatIsRefusedIsNamed(t *testing.T) {
	long := strings.Repeat("x", 5001)
	for value, want := range map[string]string{
		``:                             "event: is empty",
		`null`:                         "no JSON object",
		`[]`:                           "no JSON object",
		`{`:                            "ends in the middle",
		`{}`:                           "roomid: is missing",
		`nope`:                         "no valid JSON",
		`{} {}`:                        "more text after",
		`{"roomid":1,"roomid":2}`:      "name twice",
		`{"roomid":1}`:                 "fromAccid: is missing",
		`{"roomid":1,"fromAccid":"a"}`: "msgId: is missing",
		`{"roomid":1,"fromAccid":"a","msgId":"m"}`: "msgType: is missing",
		`{"roomid":1.5}`:                                "roomid: is 1.5",
		`{"roomid":"1e3"}`:                              "roomid: is a string",
		`{"roomid":"+1"}`:                               "roomid: is a string",
		`{"roomid":9223372036854775808}`:                "roomid: is 9223372036854775808",
		`{"roomid":null}`:                               "roomid: is null",
		`{"fromAccid":""}`:                              "fromAccid: is empty",
		`{"fromAccid":7}`:                               "fromAccid: is 7, want a string",
		`{"msgId":""}`:                                  "msgId: is empty",
		`{"msgType":5}`:                                 "msgType: is 5",
		`{"msgType":"0"}`:                               "msgType: is a string",
		with(`"attach":[1]`):                            "attach: is an array",
		with(`"attach":"` + long + `"`):                 "attach: has 5001 characters",
		with(`"ext":{"a":"` + long + `"}`):              "ext: has 5009 characters",
		with(`"ext":1`):                                 "ext: is 1",
		with(`"subType":0`):                             "subType: is 0",
		with(`"resendFlag":2`):                          "resendFlag: is 2",
		with(`"useYidun":1`):                            "useYidun: is 1, want 0",
		with(`"abandonRatio":10000`):                    "abandonRatio",
		with(`"ignoreMute":1`):                          "ignoreMute: is 1, want true or false",
		with(`"env":"` + strings.Repeat("é", 33) + `"`): "env: has 33 characters",
		with(`"antispamCustom":"` + long + `"`):         "antispamCustom: has 5001",
		with(`"x":"` + "\xff" + `"`):                    "no valid JSON",
		with(`"x":"\ud800"`):                            "no valid JSON",
		with(`"x":` + strings.Repeat("[", 20000)):       "no valid JSON",
	} {
		_, err := decode(t, value)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", value, err, want)
		}
	}
}

func TestAnInvalidEventStillTellsItsRoomAndMsgID(t *testing.T) {
	e, err := decode(t, `{"msgType":77,"roomid":5,"fromAccid":"ann","msgId":"m","attach":"`+"\xff")
	if err == nil || e.Room != 5 || e.MsgID != "m" || e.Sender != "ann" {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestCharactersAreUTF16Units(t *testing.T) {
	mustDecode(t, with(`"attach":"`+strings.Repeat("😀", 2048)+`"`))
	if _, err := decode(t, with(`"attach":"`+strings.Repeat("😀", 2049)+`"`)); err == nil {
		t.Error("4098 UTF-16 units were accepted")
	}
	mustDecode(t, with(`"attach":"`+strings.Repeat("€", 4096)+`"`))
}

func TestOnlyResendFlagChangesInALetter(t *testing.T) {
	for value, want := range map[string]string{
		with(`"resendFlag":0`):             with(`"resendFlag":1`),
		with(`"resendFlag": 0 , "x" : 1 `): with(`"resendFlag": 1 , "x" : 1 `),
		with(`"resendFlag":1`):             with(`"resendFlag":1`),
		with(`"x":{"resendFlag":0}`):       with(`"x":{"resendFlag":0},"resendFlag":1`),
		with(`"resend\u0046lag":0`):        with(`"resend\u0046lag":1`),
		" " + with(`"x":1 `) + "\n":        " " + with(`"x":1 ,"resendFlag":1`) + "\n",
	} {
		if got := string(WithResendFlag([]byte(value))); got != want {
			t.Errorf("%s\n got %s\nwant %s", value, got, want)
		}
		if e := mustDecode(t, want); e.Resend != 1 || e.Flag != 1 {
			t.Errorf("%s: flag %d", want, e.Flag)
		}
	}
}

func TestAValueLargerThanTheBufferIsInvalid(t *testing.T) {
	if _, err := Decode(Record{Value: []byte{}, Oversize: 1 << 30}); err == nil || !strings.Contains(err.Error(), "1073741824") {
		t.Errorf("%v, want an error with the size", err)
	}
}

func BenchmarkDecode(b *testing.B) {
	value := []byte(`{"roomid":700054,"fromAccid":"gianluca","msgId":"2006-06-05-00664","msgType":0,"attach":"kasumix are you on line? I have a question about it"}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		if _, err := Decode(Record{Value: value}); err != nil {
			b.Fatal(err)
		}
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
