package event

import (
	"bytes"
	"testing"
)

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

func TestALetterLeavesTheRecordAsItIs(t *testing.T) {
	for _, value := range []string{with(`"resendFlag":0`), with(`"x":1`), `[]`, ``, `{`} {
		source := append([]byte(value), "after"...)
		_ = WithResendFlag(source[:len(value)])
		if !bytes.Equal(source, []byte(value+"after")) {
			t.Errorf("%s became %s", value, source)
		}
	}
}

func TestAnyFieldCanBeSet(t *testing.T) {
	for _, c := range []struct{ value, field, text, want string }{
		{with(`"attach":"a"`), "attach", "b", with(`"attach":"b"`)},
		{with(`"attach":"a"`), "attach", `{"x":1}`, with(`"attach":{"x":1}`)},
		{with(`"attach":{"x":1}`), "attach", `{x`, with(`"attach":"{x"`)},
		{with(`"x":1`), "ext", "say \"hi\"\n", with(`"x":1,"ext":"say \"hi\"\n"`)},
		{with(`"x":1`), "ignoreMute", "true", with(`"x":1,"ignoreMute":true`)},
		{with(`"x":1`), "env", "1", with(`"x":1,"env":"1"`)},
		{with(`"x":1`), "chatMsgPriority", "2", with(`"x":1,"chatMsgPriority":2`)},
		{with(`"x":1`), "roomid", "9", `{"roomid":9,"fromAccid":"a","msgId":"m","msgType":0,"x":1}`},
	} {
		literal, err := Literal(c.field, c.text)
		if err != nil {
			t.Errorf("%s=%s: %v", c.field, c.text, err)
			continue
		}
		if got := string(With([]byte(c.value), c.field, literal)); got != c.want {
			t.Errorf("%s=%s\n got %s\nwant %s", c.field, c.text, got, c.want)
		}
		mustDecode(t, c.want)
	}
	if got := string(With([]byte("{ }"), "env", []byte(`"x"`))); got != `{ "env":"x"}` {
		t.Error(got)
	}
	for field, text := range map[string]string{"roomId": "1", "x": "1", "msgType": "one", "ignoreMute": "yes", "roomid": ""} {
		if literal, err := Literal(field, text); err == nil {
			t.Errorf("%s=%s became %s", field, text, literal)
		}
	}
}
