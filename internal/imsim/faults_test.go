package imsim

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ruled is a Sim with one rule.
func ruled(rules ...Rule) *Sim { return sim(Config{Faults: &Faults{Rules: rules}}) }

func TestARuleTakesThePlaceOfTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		rule   Rule
		status int
		code   int
		body   string // is in it
	}{
		"a code":            {Rule{Do: DoCode, Code: 503}, 200, 503, `{"code":503,"desc":"server busy"}`},
		"a closed room":     {Rule{Do: DoCode, Code: 404}, 200, 404, "chatroom not exist"},
		"an unknown code":   {Rule{Do: DoCode, Code: 13006}, 200, 13006, `"desc":""`},
		"a set-up fault":    {Rule{Do: DoCode, Code: 403, Desc: "forbidden in current region"}, 200, 403, "forbidden in current region"},
		"a checksum fault":  {Rule{Do: DoCode, Code: 414, Desc: "check checksum error"}, 200, 414, "check checksum error"},
		"an address fault":  {Rule{Do: DoCode, Code: 315}, 200, 315, "ip limit"},
		"an echoing desc":   {Rule{Do: DoCode, Code: 414, Desc: "illegal: {attach}"}, 200, 414, `illegal: CurTime is expired \"now\"`},
		"a gateway's 502":   {Rule{Do: DoStatus, Status: 502}, 502, 0, "<h1>502 Bad Gateway</h1>"},
		"a page of its own": {Rule{Do: DoStatus, Status: 503, Body: "down"}, 503, 0, "down"},
		"a redirect":        {Rule{Do: DoStatus, Status: 302, Location: "http://elsewhere/"}, 302, 0, "302 Found"},
		"no content":        {Rule{Do: DoStatus, Status: 204}, 204, 0, ""},
		"a login page":      {Rule{Do: DoPage}, 200, 0, "<title>Sign in</title>"},
		"garbage":           {Rule{Do: DoGarbage, Body: "[1,2"}, 200, 0, "[1,2"},
	} {
		for _, taken := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				c.rule.Taken, c.rule.Name = taken, "the rule"
				var seen []Call
				s := sim(Config{Faults: &Faults{Rules: []Rule{c.rule}}, OnCall: func(x Call) { seen = append(seen, x) }})
				client := serveTCP(t, s)
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				got, err := client.Do(request(form(1, []msg{{"msgId": "a", "msgType": 0, "attach": `CurTime is expired "now"`}})))
				if err != nil {
					t.Fatal(err)
				}
				defer got.Body.Close()
				body, err := io.ReadAll(got.Body)
				if err != nil || got.StatusCode != c.status || !strings.Contains(string(body), c.body) {
					t.Errorf("HTTP %d %q %v, want %d %q", got.StatusCode, body, err, c.status, c.body)
				}
				if c.rule.Location != "" && got.Header.Get("Location") != c.rule.Location {
					t.Errorf("Location %q", got.Header.Get("Location"))
				}
				if shown := len(ids(s, 1)) == 1; shown != taken {
					t.Errorf("shown %v, want %v", shown, taken)
				}
				if len(seen) != 1 || seen[0].Fault != "the rule" || seen[0].Code != c.code || seen[0].Status != c.status || seen[0].Taken != taken {
					t.Errorf("the hook was told %+v", seen)
				}
				if n := s.Stats(); n.ByFault["the rule"] != 1 {
					t.Errorf("%+v", n)
				}
			})
		}
	}
}

func TestEveryCodeThatTheSimulatorKnowsHasAText(t *testing.T) {
	for code, desc := range descs {
		s := ruled(Rule{Do: DoCode, Code: code, RetryAfter: "7"})
		if a := do(t, s, request(chat(1, 0, "a"))); a.Code != code || a.Desc != desc || a.Header.Get("Retry-After") != "7" {
			t.Errorf("%d: %s", code, a.Body)
		}
	}
}

func TestEveryPieceOfGarbageIsServed(t *testing.T) {
	s := ruled(Rule{Do: DoGarbage})
	seen := map[string]bool{}
	client := serveTCP(t, s)
	for range 50 * len(nonsense) {
		got, err := client.Do(request(chat(1, 0, "a")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		seen[string(body)] = true
	}
	for _, x := range nonsense {
		if !seen[x] {
			t.Errorf("never served: %q", x)
		}
	}
}

func TestAConnectionIsResetBeforeOrAfterTheMessagesAreTaken(t *testing.T) {
	for _, taken := range []bool{false, true} {
		s := ruled(Rule{Do: DoReset, Taken: taken, Count: 1})
		client := serveTCP(t, s)
		_, err := client.Do(request(chat(1, 0, "a")))
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("over TCP: %v, want a reset", err)
		}
		if shown := len(ids(s, 1)) == 1; shown != taken {
			t.Errorf("taken %v: shown %v", taken, shown)
		}
		if got, err := client.Do(request(chat(1, 1, "a"))); err != nil || len(read(t, got).Success) != 1 {
			t.Errorf("the call after it: %v", err)
		}
		if n := s.Stats(); n.ByCode["none"] != 1 || n.ByCode["200"] != 1 || n.Shown != 1 {
			t.Errorf("%+v", n)
		}
	}
}

func TestAConnectionIsCutInMemoryToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ruled(Rule{Do: DoReset, Taken: true, Count: 1})
		client, end := serveInMemory(s, time.Second)
		defer end()
		if _, err := client.Do(request(chat(1, 0, "a"))); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v, want an end of the connection", err)
		}
		same(t, "shown", ids(s, 1), []string{"a"})
	})
}

func TestHalfABodyEndsTooSoon(t *testing.T) {
	for _, taken := range []bool{false, true} {
		s := ruled(Rule{Do: DoHalf, Taken: taken})
		got, err := serveTCP(t, s).Do(request(chat(1, 0, "a")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		got.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(string(body), `{"fail":[],"code":200,"success":[{"a"`) || json.Valid(body) {
			t.Errorf("%q %v", body, err)
		}
		if shown := len(ids(s, 1)) == 1; shown != taken {
			t.Errorf("taken %v: shown %v", taken, shown)
		}
	}
}

func TestShapesOfATrueAnswer(t *testing.T) {
	body := form(1, []msg{text0("a", 0), text0("bad", 0), text0("c", 0)})
	refuse := Rule{Do: DoRefuse, Messages: []string{"bad"}, Reason: "no {attach}"}
	for name, c := range map[string]struct {
		rule  Rule
		check func(t *testing.T, a map[string]any)
	}{
		"lists as text": {Rule{Do: DoStrings}, func(t *testing.T, a map[string]any) {
			var fail []map[string]string
			if text, ok := a["fail"].(string); !ok || json.Unmarshal([]byte(text), &fail) != nil || fail[0]["bad"] != "no hello bad" {
				t.Errorf("fail %v", a["fail"])
			}
			var success []map[string]any
			if text, ok := a["success"].(string); !ok || json.Unmarshal([]byte(text), &success) != nil || len(success) != 2 {
				t.Errorf("success %v", a["success"])
			}
		}},
		"no success": {Rule{Do: DoNoSuccess}, func(t *testing.T, a map[string]any) {
			if _, there := a["success"]; there || len(a["fail"].([]any)) != 1 {
				t.Errorf("%v", a)
			}
		}},
		"code as text": {Rule{Do: DoCodeString}, func(t *testing.T, a map[string]any) {
			if a["code"] != "200" {
				t.Errorf("%v", a)
			}
		}},
		"shuffle": {Rule{Do: DoShuffle}, func(t *testing.T, a map[string]any) {
			if _, there := a["traceId"]; !there || len(a["success"].([]any)) != 2 || len(a["fail"].([]any)) != 1 {
				t.Errorf("%v", a)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := ruled(c.rule, refuse)
			w := bodyOf(s, body)
			var a map[string]any
			if err := json.Unmarshal(w, &a); err != nil {
				t.Fatalf("%v in %s", err, w)
			}
			c.check(t, a)
			same(t, "shown", ids(s, 1), []string{"a", "c"})
		})
	}
}

func TestEntriesComeOutOfOrder(t *testing.T) {
	s := ruled(Rule{Do: DoShuffle})
	want := numbered("m", 10)
	a := do(t, s, request(chat(1, 0, want...)))
	got := a.succeeded()
	if slices.Equal(got, want) {
		t.Error("in order")
	}
	slices.Sort(got)
	same(t, "success", got, want)
	same(t, "shown", ids(s, 1), want)
}
