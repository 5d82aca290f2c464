package imsim

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// ask makes a call under /sim/.
func ask(s *Sim, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestMessagesAreToldAsNDJSONInOrder(t *testing.T) {
	s := sim(Config{})
	do(t, s, request(chat(1, 0, "a")))
	do(t, s, request(chat(2, 0, "b")))
	do(t, s, request(form(1, []msg{{"msgId": "c", "msgType": 100, "attach": "<&>", "ext": "e", "resendFlag": 1}})))
	for path, want := range map[string]string{
		"/sim/messages":          "a b c",
		"/sim/messages?roomid=1": "a c",
		"/sim/messages?roomid=3": "",
	} {
		w := ask(s, http.MethodGet, path, "")
		var got []string
		for lines := bufio.NewScanner(w.Body); lines.Scan(); {
			var m struct {
				Room   int64  `json:"roomid"`
				Sender string `json:"fromAccid"`
				ID     string `json:"msgId"`
				Type   int    `json:"msgType"`
				Attach string `json:"attach"`
				Ext    string `json:"ext"`
				Resend int    `json:"resend"`
				At     string `json:"at"`
			}
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				t.Fatalf("%v in %s", err, lines.Text())
			}
			if m.Sender != "alice" || m.At == "" || m.ID == "c" && (m.Type != 100 || m.Attach != "<&>" || m.Ext != "e" || m.Resend != 1 || m.Room != 1) {
				t.Errorf("%s", lines.Text())
			}
			got = append(got, m.ID)
		}
		if w.Code != 200 || strings.Join(got, " ") != want {
			t.Errorf("%s: HTTP %d %q, want %q", path, w.Code, got, want)
		}
	}
	if w := ask(s, http.MethodGet, "/sim/messages?roomid=x", ""); w.Code != 400 {
		t.Errorf("a room that is a word: HTTP %d", w.Code)
	}
}

func TestStatsAreOneObject(t *testing.T) {
	s := sim(Config{})
	do(t, s, request(chat(1, 0, "a", "b")))
	do(t, s, request(chat(1, 1, "a")))
	do(t, s, request(chat(1, 0, "a")))
	do(t, s, request("roomid=1"))
	var got map[string]any
	if err := json.Unmarshal(ask(s, http.MethodGet, "/sim/stats", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"calls": 4, "received": 4, "shown": 2, "deduplicated": 1, "unflagged": 1, "shownTwice": 0, "refused": 1, "leftOut": 0, "rooms": 1,
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if codes := got["byCode"].(map[string]any); codes["200"] != 3.0 || codes["414"] != 1.0 || len(codes) != 2 {
		t.Errorf("byCode: %v", codes)
	}
}

func TestFaultsAreSetAndTakenBackOverHTTP(t *testing.T) {
	s := sim(Config{})
	code := func() int { return do(t, s, request(chat(1, 1, "a"))).Code }
	if w := ask(s, http.MethodPut, "/sim/faults", `{"rules":[{"do":"code","code":503}]}`); w.Code != 204 || code() != 503 {
		t.Errorf("PUT: HTTP %d, then %d", w.Code, code())
	}
	if w := ask(s, http.MethodPut, "/sim/faults", `{"rules":[{"do":"cod"}]}`); w.Code != 400 || !strings.Contains(w.Body.String(), "cod") || code() != 503 {
		t.Errorf("PUT of a wrong one: HTTP %d %s, then %d", w.Code, w.Body, code())
	}
	if w := ask(s, http.MethodGet, "/sim/faults", ""); strings.TrimSpace(w.Body.String()) != `{"rules":[{"do":"code","code":503}]}` {
		t.Errorf("GET: %s", w.Body)
	}
	if w := ask(s, http.MethodDelete, "/sim/faults", ""); w.Code != 204 || code() != 200 {
		t.Errorf("DELETE: HTTP %d, then %d", w.Code, code())
	}
	if w := ask(s, http.MethodGet, "/sim/faults", ""); strings.TrimSpace(w.Body.String()) != `{}` {
		t.Errorf("GET of none: %s", w.Body)
	}
}

func TestResetForgetsMessagesNumbersAndThePenalty(t *testing.T) {
	s := sim(Config{Rate: 1, Faults: &Faults{Rules: []Rule{{Do: DoCodeString, Count: 1}}}})
	for range 3 { // of which two at least are within one second
		bodyOf(s, chat(1, 0, "a"))
	}
	if s.Stats().ByCode["416"] == 0 {
		t.Fatal("no penalty")
	}
	if w := ask(s, http.MethodPost, "/sim/reset", ""); w.Code != 204 {
		t.Errorf("HTTP %d", w.Code)
	}
	if n := s.Stats(); n.Calls != 0 || n.Shown != 0 || n.Rooms != 0 || len(n.ByCode) != 0 || len(ids(s, 1)) != 0 {
		t.Errorf("%+v", n)
	}
	if body := bodyOf(s, chat(1, 0, "a")); !strings.Contains(string(body), `"code":"200"`) {
		t.Errorf("a call after it: %s: the penalty is on, or the fault didn't begin anew", body)
	}
	if n := s.Stats(); n.Unflagged != 0 || n.Shown != 1 {
		t.Errorf("after it: %+v", n)
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	s := sim(Config{})
	for path, want := range map[string]int{"/": 404, "/sim/": 404, "/sim/stats/x": 404, "/nimserver/chatroom/sendMsg.action": 404} {
		if w := ask(s, http.MethodGet, path, ""); w.Code != want {
			t.Errorf("%s: HTTP %d", path, w.Code)
		}
	}
	if w := ask(s, http.MethodPost, "/sim/stats", ""); w.Code != 405 {
		t.Errorf("POST of stats: HTTP %d", w.Code)
	}
}
