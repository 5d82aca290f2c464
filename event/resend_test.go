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
