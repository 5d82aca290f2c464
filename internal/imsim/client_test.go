package imsim

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	key    = "the-key"
	secret = "the-secret"
)

// sim makes a Sim that knows key and secret.
func sim(cfg Config) *Sim {
	cfg.AppKey, cfg.AppSecret = key, secret
	return New(cfg)
}

// msg is an entry of msgList.
type msg map[string]any

// text is a text message.
func text0(id string, flag int) msg {
	return msg{"msgId": id, "msgType": 0, "attach": "hello " + id, "resendFlag": flag}
}

// form makes a body of a room's messages; more has further parameters in pairs.
func form(room int64, list any, more ...string) string {
	encoded, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	v := url.Values{"roomid": {strconv.FormatInt(room, 10)}, "fromAccid": {"alice"}, "msgList": {string(encoded)}}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v.Encode()
}

// chat makes a body with messages of these ids and one flag.
func chat(room int64, flag int, ids ...string) string {
	var list []msg
	for _, id := range ids {
		list = append(list, text0(id, flag))
	}
	return form(room, list)
}

// request is a signed call.
func request(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://api"+Action, strings.NewReader(body))
	r.RequestURI = ""
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	sign(r, time.Now())
	return r
}

func sign(r *http.Request, at time.Time) {
	cur := strconv.FormatInt(at.Unix(), 10)
	sum := sha1.Sum([]byte(secret + "nonce" + cur))
	for name, value := range map[string]string{"AppKey": key, "Nonce": "nonce", "CurTime": cur, "CheckSum": hex.EncodeToString(sum[:])} {
		r.Header.Set(name, value)
	}
}

// answer is what came back.
type answer struct {
	HTTP    int
	Header  http.Header
	Body    string
	Code    int                            `json:"code"`
	Desc    string                         `json:"desc"`
	Fail    []map[string]string            `json:"fail"`
	Success []map[string]map[string]string `json:"success"`
}

func read(t testing.TB, r *http.Response) answer {
	t.Helper()
	a := answer{HTTP: r.StatusCode, Header: r.Header}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	a.Body = string(body)
	if r.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, &a); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
	}
	return a
}

// do serves a request without a network.
func do(t testing.TB, h http.Handler, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return read(t, w.Result())
}

func (a answer) failed() (ids []string) {
	for _, x := range a.Fail {
		for id := range x {
			ids = append(ids, id)
		}
	}
	return ids
}

func (a answer) succeeded() (ids []string) {
	for _, x := range a.Success {
		for id := range x {
			ids = append(ids, id)
		}
	}
	return ids
}

func (a answer) reason(id string) string {
	for _, x := range a.Fail {
		if reason, ok := x[id]; ok {
			return reason
		}
	}
	return ""
}

// ids is what a room was shown.
func ids(s *Sim, room int64) (all []string) {
	for m := range s.Messages(room) {
		all = append(all, m.MsgID)
	}
	return all
}

func same(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// pipes is a listener in memory, so that real net/http runs in a bubble.
type pipes struct {
	calls  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.calls:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p.calls <- there
	return here, nil
}

// serveInMemory serves s in memory and returns a client of it and what ends both.
func serveInMemory(s *Sim, timeout time.Duration) (*http.Client, func()) {
	p := &pipes{calls: make(chan net.Conn), closed: make(chan struct{})}
	server := s.Server()
	go func() { _ = server.Serve(p) }()
	transport := &http.Transport{DialContext: p.dial}
	client := &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return client, func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	}
}

// serveTCP is the same on loopback.
func serveTCP(t testing.TB, s *Sim) *http.Client {
	server, addr, err := s.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr.String())
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
	})
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func numbered(prefix string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprint(prefix, i))
	}
	return all
}

// bodyOf serves a body without a network and returns the answer's.
func bodyOf(h http.Handler, body string) []byte {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(body))
	return w.Body.Bytes()
}
