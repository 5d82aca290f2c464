package sink

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"roomrelay/event"
	"roomrelay/internal/imsim"
)

// serve starts a sink and gives its URL.
func serve(t *testing.T, cfg Config) (*Sink, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(cfg)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s, "http://" + l.Addr().String()
}

// body is a call of room 7 with as many messages, with all that must be escaped.
func body(t *testing.T, messages int) []byte {
	t.Helper()
	var events []*event.Event
	for i := range messages {
		value := fmt.Sprintf(`{"roomid":7,"fromAccid":"an \"n\" é","msgId":"m-%d","msgType":0,"attach":"what?! \"so\" & + %%41 \\\\ 你好 😀","ext":{"a":[1,{}]}}`, i)
		e, err := event.Decode(event.Record{Value: []byte(value)})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return event.AppendBody(nil, events)
}

// post makes a signed call.
func post(t *testing.T, url string, body []byte) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+imsim.Action, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha1.Sum([]byte("secret" + "nonce" + now))
	for name, value := range map[string]string{
		"Content-Type": "application/x-www-form-urlencoded;charset=utf-8", "AppKey": "key", "Nonce": "nonce",
		"CurTime": now, "CheckSum": hex.EncodeToString(sum[:]),
	} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status + " " + answer.Header.Get("Content-Type") + "\n" + string(text)
}

var instant = regexp.MustCompile(`"time":"\d{13}"`)

func TestItAnswersAsTheSimulatorDoes(t *testing.T) {
	refuse, err := imsim.ReadFaults(strings.NewReader(`{"rules":[{"do":"refuse","reason":"` + reason + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	busy, err := imsim.ReadFaults(strings.NewReader(`{"rules":[{"do":"code","code":503}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		faults *imsim.Faults
		cfg    Config
	}{"taken": {}, "refused": {refuse, Config{Refuse: true}}, "busy": {busy, Config{BusyRoom: 7}}} {
		_, url := serve(t, c.cfg)
		for _, messages := range []int{1, 10} {
			sim := imsim.New(imsim.Config{AppKey: "key", AppSecret: "secret", Faults: c.faults})
			defer sim.Close()
			server := httptest.NewServer(sim)
			defer server.Close()
			want := instant.ReplaceAllString(post(t, server.URL, body(t, messages)), "")
			if got := instant.ReplaceAllString(post(t, url, body(t, messages)), ""); got != want {
				t.Errorf("%s, %d messages: answered\n%s\nwant\n%s", name, messages, got, want)
			}
		}
	}
}

func TestItNotesWhatCame(t *testing.T) {
	s, url := serve(t, Config{Latency: 20 * time.Millisecond, BusyRoom: 8})
	before := time.Now()
	post(t, url, body(t, 3))
	if took := time.Since(before); took < 20*time.Millisecond {
		t.Errorf("answered after %v, before its time", took)
	}
	post(t, url, bytes.Replace(body(t, 1), []byte("roomid=7"), []byte("roomid=8"), 1))
	post(t, url, []byte("roomid=9&msgList=[]"))
	var text bytes.Buffer
	if err := s.WriteNotes(&text); err != nil {
		t.Fatal(err)
	}
	whole := text.Bytes()
	all, err := ReadNotes(&text)
	if err != nil || len(all) != 3 || s.Settled() != 3 {
		t.Fatalf("%d settled, notes %v, %v", s.Settled(), all, err)
	}
	if n := all[0]; n.Room != 7 || n.Outcome != Taken || len(n.IDs) != 3 || string(n.IDs[2]) != "m-2" || n.At.Before(before) || time.Since(n.At) > time.Minute {
		t.Errorf("%+v", n)
	}
	if all[1].Outcome != Busy || all[1].Room != 8 || all[2].Outcome != Unreadable || len(all[2].IDs) != 0 {
		t.Errorf("%+v", all[1:])
	}
	if _, err := ReadNotes(bytes.NewReader(whole[:len(whole)-1])); err == nil {
		t.Error("notes that end in the middle of one were taken")
	}
}

func TestWhatIsNoCallIsSaid(t *testing.T) {
	good := string(body(t, 2))
	var c call
	if err := c.read([]byte(good)); err != nil || len(c.messages) != 2 {
		t.Fatalf("%v, %d messages", err, len(c.messages))
	}
	for _, text := range []string{
		"", "roomid=x", good[:len(good)-1], good[:len(good)-3], good + "%5D", strings.Replace(good, "fromAccid", "from", 1),
		strings.Replace(good, "%22msgId%22", "%22id%22", 1), strings.ReplaceAll(good, "%3A", "%3B"), strings.Replace(good, "roomid=7", "roomid=0", 1),
	} {
		if err := c.read([]byte(text)); err == nil {
			t.Errorf("taken for a call: %q", text)
		}
	}
}

// trickle gives a text in pieces of n bytes.
type trickle struct {
	text []byte
	n    int
}

func (r *trickle) Read(p []byte) (int, error) {
	if len(r.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.n)], r.text)
	r.text = r.text[n:]
	return n, nil
}

func TestRequestsAreReadHoweverTheyArrive(t *testing.T) {
	long := strings.Repeat("x", 40_000)
	text := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST / HTTP/1.1\r\nContent-Length: 40000\r\nA: b\r\n\r\n" + long +
		"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
	for _, n := range []int{7, 1000, 1 << 20} {
		in := &trickle{[]byte(text), n}
		var r request
		for i, want := range []string{"abc", long, ""} {
			_, got, err := r.read(in)
			if err != nil || string(got) != want {
				t.Errorf("in pieces of %d: request %d has a body of %d bytes, %v, want %d", n, i, len(got), err, len(want))
			}
		}
	}
	for _, wrong := range []string{"GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\n", "POST / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"} {
		if _, _, err := new(request).read(strings.NewReader(wrong)); err == nil {
			t.Errorf("taken for a request: %q", wrong)
		}
	}
}
