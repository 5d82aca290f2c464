package sender

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func TestTheSecretIsSeenNowhere(t *testing.T) {
	var out bytes.Buffer
	cfg := settings()
	cfg.Log = zerolog.New(&out)
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log.Info().Interface("config", cfg.AppSecret).Any("secret", cfg.AppSecret).Send()
	b, err := json.Marshal(cfg.AppSecret)
	fmt.Fprintln(&out, string(b), err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb, cfg.AppSecret)
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		fmt.Fprintf(&out, verb+verb+verb+verb, cfg, &cfg, *s, s.client)
	}
	r := &rig{Sender: s, t: t, now: time.Now()}
	c := r.course(1, "a")
	x := r.call(c)
	r.Judge(r.now, c, x, s.Attempt(t.Context(), x, always)) // nobody is there
	cfg.Endpoints = []string{"http://user:" + string(cfg.AppSecret) + "@api.test"}
	_, err = New(cfg)
	fmt.Fprintln(&out, err)
	text := strings.ToLower(out.String())
	for _, secret := range []string{string(cfg.AppSecret), fmt.Sprintf("%x", string(cfg.AppSecret))} {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("the secret is seen: ...%s", text[max(0, at-200):at])
		}
	}
	if !strings.Contains(text, "call not answered") || !strings.Contains(text, hidden) {
		t.Errorf("nothing was printed or logged: %s", text)
	}
}

func TestTheSignatureIsTheDocumentedOne(t *testing.T) {
	h := http.Header{}
	sign(h, "key", "secret", time.Unix(1451207708, 0))
	for _, name := range []string{"AppKey", "Nonce", "CurTime", "CheckSum"} {
		if len(h[name]) != 1 {
			t.Errorf("%s: %v", name, h[name])
		}
	}
	// By these very names: not in the form in which Get would look for them.
	curTime, sum := "CurTime", "CheckSum"
	expect(t, "time", h[curTime][0], "1451207708")
	expect(t, "length of the sum", len(h[sum][0]), 40)
}

func TestEveryMistakeOfAConfigurationIsTold(t *testing.T) {
	_, err := New(Config{AppKey: "a\nb", Rate: math.NaN(), RetryMax: -1})
	for _, want := range []string{"endpoint", "app key", "app secret", "request time-out", "first retry", "longest retry", "giving up", "rate"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: nothing of %s", err, want)
		}
	}
	for _, e := range []string{"", "api.test", "ftp://api.test", "http://", "http://api.test?x=1", "http://api.test#x", "http://u@api.test", "http://[::1"} {
		cfg := settings()
		cfg.Endpoints = []string{e}
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "endpoint") {
			t.Errorf("endpoint %q: %v", e, err)
		}
	}
}

func TestTheLastMessagesAreRemembered(t *testing.T) {
	const count = 1 << 10 // of the 2^20, so that the table is full many times over
	s := newSeen(count)
	random := rand.New(rand.NewPCG(1, 1))
	last := map[int]int{} // when each was sent last
	for i := range 200 * count {
		id := random.IntN(2 * count)
		at, sent := last[id]
		// Every sending takes a place, so that what is further back than that has been forgotten.
		if got, want := s.again(int64(id), "m"), sent && i-at < count; got != want {
			t.Fatalf("%d: sent again after %d: %v, want %v", i, i-at, got, want)
		}
		last[id] = i
	}
	expect(t, "table", len(s.table), 2*count)
	expect(t, "ring", len(s.ring), count)
}

func BenchmarkSeen(b *testing.B) {
	s := newSeen(seenCount)
	n := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		s.again(n, "2006-06-05-00664")
	}
}

func BenchmarkSign(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		sign(http.Header{}, "key", "a-secret", time.Unix(1451207708, 0))
	}
}

func BenchmarkReadAnswer(b *testing.B) {
	var names []string
	var list []map[string]any
	for i := range 10 {
		id := fmt.Sprint("2006-06-05-0066", i)
		names = append(names, id)
		list = append(list, map[string]any{id: map[string]string{
			"ext": "", "fromNick": "yx2", "msgid_client": id, "fromAccount": "yx2",
			"fromClientType": "REST", "attach": "kasumix are you on line? I have a question about it", "time": "1668566975724", "type": "2", "roomId": "72",
		}})
	}
	body, _ := json.Marshal(map[string]any{"fail": []any{}, "code": 200, "success": list})
	sent := messages(b, 1, names...)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var a Answer
		a.read(body, sent)
		if !a.HasCode || !a.mentions[9].succeeded {
			b.Fatal("not read")
		}
	}
}

// BenchmarkCourse is what the loop does for a batch that is delivered.
func BenchmarkCourse(b *testing.B) {
	r := newRig(b)
	events := messages(b, 1, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
	b.ReportAllocs()
	for b.Loop() {
		c := r.NewCourse(events)
		x := r.Next(r.now, c).Call
		a := Answer{Kind: Answered, HTTPStatus: 200, HasCode: true, Code: 200, mentions: make([]mention, 10)}
		if j := r.Judge(r.now, c, x, a); len(j.Delivered) != 10 {
			b.Fatal(j)
		}
	}
}

// BenchmarkAttempt is a call of ten messages over the loopback.
func BenchmarkAttempt(b *testing.B) {
	server := serve(b, fine)
	r := newRig(b, func(c *Config) { c.Endpoints = []string{server} })
	x := r.call(r.course(1, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"))
	b.ReportAllocs()
	for b.Loop() {
		if a := r.Attempt(b.Context(), x, always); a.judge() != Listed {
			b.Fatal(a.Err)
		}
	}
}

// serve is a real server with one answer for all.
func serve(tb testing.TB, body string) (url string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, body)
	}))
	tb.Cleanup(s.Close)
	return s.URL
}
