package imsim

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzDecode holds the decoding against net/url's.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "a", "a+b", "%E5%A5%BD", "%", "%4", "%zz", "%2B%2b", "a%00b+%25"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := url.QueryUnescape(text)
		got, ok := decode([]byte(text))
		if ok != (err == nil) || ok && string(got) != want {
			t.Errorf("%q: %q %v, want %q %v", text, got, ok, want, err)
		}
	})
}

// FuzzServe holds whole calls against the standard library: whatever comes, the answer is well-formed, and
// what is accepted is what net/url and encoding/json read, and is shown just so.
func FuzzServe(f *testing.F) {
	for _, body := range []string{
		chat(1, 0, "a", "b"), chat(1, 1, "a\"\\\n"), form(1, []msg{{"msgId": "x", "msgType": 100, "attach": "😀\u2028", "ext": "{}"}}),
		"roomid=1&fromAccid=a&msgList=[{\"msgId\":\"\\u0061\",\"msgType\":0,\"msg\\u0049d\":\"b\"}]",
		"roomid=1&roomid=2&fromAccid=a&msgList=[]", "&&=&roomid", "msgList=%5B%7B", "roomid=1;a=b&fromAccid=a",
		"roomid=1&fromAccid=a&msgList=[[[[[[", "roomid=1&fromAccid=a&msgList=[{\"msgId\":\"\\ud800\",\"msgType\":0}]",
	} {
		f.Add(body, uint8(0))
	}
	f.Fuzz(func(t *testing.T, body string, which uint8) {
		s := ruled(Rule{Do: []Do{DoSlow, DoStrings, DoShuffle, DoNoSuccess}[which%4], Delay: time.Nanosecond})
		w := httptest.NewRecorder()
		s.ServeHTTP(w, request(body))
		var a struct{ Code int }
		if !utf8.Valid(w.Body.Bytes()) || json.Unmarshal(w.Body.Bytes(), &a) != nil || a.Code != 200 && a.Code != 414 {
			t.Fatalf("%q", w.Body)
		}
		if a.Code != 200 {
			return
		}
		v, err := url.ParseQuery(body)
		if err != nil {
			return // a semicolon, which net/url refuses and servlets don't
		}
		var list []map[string]any // names as they are: a struct would match them in any case
		if err := json.Unmarshal([]byte(v.Get("msgList")), &list); err != nil {
			t.Fatalf("accepted: %v", err)
		}
		n := 0
		for m := range s.Messages(0) {
			want := list[n]
			attach, _ := want["attach"].(string)
			ext, _ := want["ext"].(string)
			if m.MsgID != want["msgId"] || m.Attach != attach || m.Ext != ext || float64(m.Type) != want["msgType"] || m.Sender != v.Get("fromAccid") {
				t.Errorf("shown %+v, sent %v", m, want)
			}
			n++
		}
		if n != len(list) || n == 0 || n > maxMessages {
			t.Errorf("%d messages shown, %d sent", n, len(list))
		}
	})
}
