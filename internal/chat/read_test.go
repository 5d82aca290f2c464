package chat

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

const good = `{"roomid":1,"fromAccid":"ann","msgId":"m1","msgType":0,"attach":"hello"}`

func TestReadTakesAnEventInEitherForm(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Line
	}{
		{"plain", good, Line{Value: []byte(good), Key: []byte("1"), Room: 1, Sender: "ann", MsgID: "m1", Valid: true}},
		{"timed", `{"atMs":1500,"event":` + good + `}`, Line{At: 1500 * time.Millisecond, Value: []byte(good), Key: []byte("1"), Room: 1, Sender: "ann", MsgID: "m1", Valid: true}},
		{"timed, the other way round", `{"event": ` + good + `, "atMs": 0.5}`, Line{At: 500 * time.Microsecond, Value: []byte(good), Key: []byte("1"), Room: 1, Sender: "ann", MsgID: "m1", Valid: true}},
		{"no valid event", `{"roomid":2,"msgType":0}`, Line{Value: []byte(`{"roomid":2,"msgType":0}`), Key: []byte("2"), Room: 2}},
		{"what is wrong inside is kept", `{"atMs":1,"event":{"a":1,"a":2}}`, Line{At: time.Millisecond, Value: []byte(`{"a":1,"a":2}`)}},
		{"something follows", `{"atMs":1,"event":{}} {}`, Line{Value: []byte(`{"atMs":1,"event":{}} {}`)}},
		{"cut", `{"atMs":1,"event":{`, Line{Value: []byte(`{"atMs":1,"event":{`)}},
		{"a time without an event", `{"atMs":1}`, Line{Value: []byte(`{"atMs":1}`)}},
		{"a time below 0", `{"atMs":-1,"event":{}}`, Line{Value: []byte(`{"atMs":-1,"event":{}}`)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Number = 1
			n := 0
			for l, err := range Read(strings.NewReader(c.text)) {
				n++
				if err != nil || !equal(l, c.want) {
					t.Errorf("got %+v (%v), want %+v", l, err, c.want)
				}
			}
			if n != 1 {
				t.Errorf("%d lines", n)
			}
		})
	}
}

func equal(x, y Line) bool {
	return x.Number == y.Number && x.At == y.At && bytes.Equal(x.Value, y.Value) && bytes.Equal(x.Key, y.Key) &&
		x.Room == y.Room && x.Sender == y.Sender && x.MsgID == y.MsgID && x.Valid == y.Valid
}

func TestReadUnzips(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, good+"\n\n"+good)
	_ = z.Close()
	var numbers []int
	for l, err := range Read(&zipped) {
		if err != nil || string(l.Value) != good {
			t.Errorf("got %q (%v)", l.Value, err)
		}
		numbers = append(numbers, l.Number)
	}
	if !slices.Equal(numbers, []int{1, 3}) {
		t.Errorf("lines %v, want 1 and 3", numbers)
	}
}

func TestABadLineIsToldWithItsNumberAndReadingGoesOn(t *testing.T) {
	var got []string
	for l, err := range Read(strings.NewReader(good + "\r\nhello\n" + good)) {
		if bad, ok := errors.AsType[*BadLine](err); ok {
			got = append(got, bad.Error()+": "+string(l.Value))
		} else if err == nil {
			got = append(got, l.MsgID)
		}
	}
	if want := []string{"m1", "line 2: it holds no JSON object: hello", "m1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadEndsWithAnErrorItCannotPass(t *testing.T) {
	broken := errors.New("broken")
	for name, r := range map[string]io.Reader{
		"at once":       errorReader{broken},
		"later":         io.MultiReader(strings.NewReader(good+"\n"), errorReader{broken}),
		"line too long": io.LimitReader(zeros{}, maxLine+10),
		"cut gzip":      strings.NewReader("\x1f\x8b"),
	} {
		t.Run(name, func(t *testing.T) {
			var last error
			for _, err := range Read(r) {
				last = err
			}
			if last == nil {
				t.Error("no error")
			}
		})
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
