package event

import (
	"errors"
	"fmt"
	"slices"
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

func with(member string) string {
	return `{"roomid":1,"fromAccid":"a","msgId":"m","msgType":0,` + member + `}`
}

func TestWhatIsRefusedIsNamed(t *testing.T) {
	long := strings.Repeat("x", 5001)
	for value, want := range map[string]string{
		``:                             "event: is empty",
		" \n":                          "event: is empty",
		`null`:                         "no JSON object",
		`[]`:                           "no JSON object",
		`{`:                            "ends in the middle",
		`{}`:                           "roomid: is missing",
		`nope`:                         "no valid JSON",
		`{"roomid":1`:                  "ends in the middle",
		`{"roomid":1,"room\u0069d":2}`: "name twice",
		`{"x":{"y":1,"y":1}}`:          "name twice",
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
		`{"msgType":77,"roomid":null}`:                  "msgType: is 77", // the first mistake
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

func TestEveryTypeOfMessageIsTaken(t *testing.T) {
	for n := range 200 {
		e, err := decode(t, fmt.Sprintf(`{"roomid":1,"fromAccid":"a","msgId":"m","msgType":%d}`, n))
		want := slices.Contains([]int{0, 1, 2, 3, 4, 6, 10, 100}, n)
		if (err == nil) != want {
			t.Errorf("msgType %d: %v, want taken = %v", n, err, want)
		}
		if want && e.Type != n {
			t.Errorf("msgType %d read as %d", n, e.Type)
		}
	}
}

func TestARoomIsAnyIntegerOf64Bits(t *testing.T) {
	for text, want := range map[string]int64{
		`1`: 1, `"1"`: 1, `"0042"`: 42, `-7`: -7, `"-7"`: -7, `0`: 0,
		`9223372036854775807`: 1<<63 - 1, `"9223372036854775807"`: 1<<63 - 1, `"\u0031"`: 1,
	} {
		e := mustDecode(t, `{"roomid":`+text+`,"fromAccid":"a","msgId":"m","msgType":0}`)
		if e.Room != want {
			t.Errorf("roomid %s read as %d", text, e.Room)
		}
	}
	for _, text := range []string{`""`, `"-"`, `"+1"`, `" 1"`, `"1_0"`, `"0x1"`, `1.0`, `1e2`, `"9223372036854775808"`, `true`, `[1]`, `{}`} {
		e, err := decode(t, `{"roomid":`+text+`,"fromAccid":"a","msgId":"m","msgType":0}`)
		if err == nil || e.Room != 0 {
			t.Errorf("roomid %s: taken as %d", text, e.Room)
		}
	}
}

// Each option at the edge of what the page allows, and one beyond.
func TestOptionsAreHeldToThePage(t *testing.T) {
	x := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	for name, c := range map[string]struct{ taken, refused []string }{
		"ignoreMute":                     {[]string{"true", "false"}, []string{`"true"`, "1", "null"}},
		"skipHistory":                    {[]string{"0", "1"}, []string{"2", "-1", "true", `"1"`, "1.0", "null"}},
		"route":                          {[]string{"0", "1"}, []string{"2", "-1"}},
		"abandonRatio":                   {[]string{"0", "9999"}, []string{"10000", "-1"}},
		"highPriority":                   {[]string{"true", "false"}, []string{"0"}},
		"needHighPriorityMsgResend":      {[]string{"true", "false"}, []string{"0"}},
		"useYidun":                       {[]string{"0"}, []string{"1", "-1", "false"}},
		"yidunAntiCheating":              {[]string{`""`, x(1024)}, []string{x(1025), "{}"}},
		"yidunAntiSpamExt":               {[]string{`""`, x(1024)}, []string{x(1025), "{}"}},
		"bid":                            {[]string{`""`, x(20000)}, []string{"1"}},
		"antispam":                       {[]string{"true", "false"}, []string{"0"}},
		"notifyTargetTags":               {[]string{`""`, x(128)}, []string{x(129), "[]"}},
		"antispamCustom":                 {[]string{`""`, x(5000)}, []string{x(5001), "{}"}},
		"env":                            {[]string{`""`, x(32)}, []string{x(33), "null"}},
		"chatMsgPriority":                {[]string{"0", "3"}, []string{"4", "-1"}},
		"forbiddenIfHighPriorityMsgFreq": {[]string{"0", "1"}, []string{"2", "-1"}},
	} {
		for _, v := range c.taken {
			if e := mustDecode(t, with(`"`+name+`":`+v)); !strings.HasPrefix(e.Options, name+"=") {
				t.Errorf("%s %.20s: options are %.40q", name, v, e.Options)
			}
		}
		for _, v := range c.refused {
			_, err := decode(t, with(`"`+name+`":`+v))
			if i, ok := errors.AsType[*Invalid](err); !ok || i.Field != name {
				t.Errorf("%s %.20s: %v, want it refused by name", name, v, err)
			}
		}
	}
}

func TestNamesAreCaseSensitive(t *testing.T) {
	if _, err := decode(t, `{"roomId":1,"fromAccid":"a","msgId":"m","msgType":0}`); err == nil {
		t.Error("roomId was taken for roomid")
	}
	if e := mustDecode(t, with(`"Attach":"x","ignoremute":true`)); e.HasAttach || e.Options != "" {
		t.Errorf("names of other case were taken: %+v", e)
	}
}

func TestAnEmptyStringIsNotAnAbsentOne(t *testing.T) {
	if e := mustDecode(t, with(`"attach":"","ext":""`)); !e.HasAttach || !e.HasExt {
		t.Error("an empty string was taken for an absent one")
	}
	if e := mustDecode(t, with(`"x":1`)); e.HasAttach || e.HasExt {
		t.Error("an absent string was taken for an empty one")
	}
}

func TestARecordInDoubtIsFlagged(t *testing.T) {
	value := []byte(with(`"resendFlag":0`))
	e, err := Decode(Record{Value: value, InDoubt: true})
	if err != nil || e.Resend != 0 || e.Flag != 1 {
		t.Errorf("in doubt: resend %d, flag %d, %v", e.Resend, e.Flag, err)
	}
	if e := mustDecode(t, string(value)); e.Flag != 0 {
		t.Errorf("not in doubt: flag %d", e.Flag)
	}
}

func TestAProblemRepeatsNoContent(t *testing.T) {
	secret := strings.Repeat("secret", 1000)
	for _, value := range []string{
		secret, `"` + secret + `"`, `{"` + secret + `":`, `{"` + secret + `":1,"` + secret + `":1}`, `{"x":"` + secret + "\xff", `{"x":` + secret,
		`{"roomid":"` + secret + `"}`, `{"msgType":"` + secret + `"}`, with(`"attach":"` + secret + `"`), with(`"ext":{"` + secret + `":"` + secret + `"}`),
		with(`"ext":["` + secret + `"]`), with(`"env":"` + secret + `"`), with(`"ignoreMute":"` + secret + `"`),
		with(`"subType":` + strings.Repeat("9", 1000)), `{"roomid":` + strings.Repeat("9", 1000) + `}`,
	} {
		_, err := decode(t, value)
		if err == nil || len(err.Error()) > 150 || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.40s: %v", value, err)
		}
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
