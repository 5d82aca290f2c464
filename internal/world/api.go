package world

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Request is one call of the API, as it arrived.
type Request struct {
	At     time.Time
	Room   int64
	Sender string
	IDs    []string
	Flags  []int
}

// Has says whether the call carries a message.
func (r Request) Has(id string) bool { return slices.Contains(r.IDs, id) }

// Reaction is what becomes of a call that a test intercepts. The zero Reaction passes it on to the simulator.
type Reaction struct {
	Take   bool          // the simulator takes the messages, and its answer is thrown away
	Delay  time.Duration // before anything else
	Reset  bool          // the connection is cut
	Status int           // with Body; 0: 200 if there is a Body
	Body   string
	Header http.Header
}

// Whole is the API's answer to a whole request.
func Whole(code int, desc string) Reaction {
	b, _ := json.Marshal(map[string]any{"code": code, "desc": desc})
	return Reaction{Body: string(b)}
}

// api stands before the simulator: it notes every call and lets a test intercept it.
type api struct {
	sim    http.Handler
	closed chan struct{} // ends delays with the world

	deciding sync.Mutex // held while a test decides

	mu        sync.Mutex // guards the fields below
	intercept func(Request) Reaction
	calls     []Request
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller went away while it was sending
	}
	call := request(body)
	a.mu.Lock()
	a.calls = append(a.calls, call)
	intercept := a.intercept
	a.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	re := a.decide(intercept, call)
	if re.Delay > 0 {
		select {
		case <-time.After(re.Delay):
		case <-a.closed:
			return
		}
	}
	if re.Take {
		a.sim.ServeHTTP(httptest.NewRecorder(), r)
	}
	switch {
	case re.Reset:
		panic(http.ErrAbortHandler)
	case re.Status != 0 || re.Body != "":
		maps.Copy(w.Header(), re.Header)
		w.WriteHeader(max(re.Status, http.StatusOK))
		_, _ = io.WriteString(w, re.Body)
	case !re.Take:
		a.sim.ServeHTTP(w, r)
	}
}

// decide asks the test, one call at a time, so that what it counts needs no lock of its own.
func (a *api) decide(intercept func(Request) Reaction, call Request) Reaction {
	if intercept == nil {
		return Reaction{}
	}
	a.deciding.Lock()
	defer a.deciding.Unlock()
	return intercept(call)
}

func request(body []byte) Request {
	r := Request{At: time.Now()}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return r
	}
	r.Room, _ = strconv.ParseInt(form.Get("roomid"), 10, 64)
	r.Sender = form.Get("fromAccid")
	var list []struct {
		MsgID      string `json:"msgId"`
		ResendFlag int    `json:"resendFlag"`
	}
	_ = json.Unmarshal([]byte(form.Get("msgList")), &list)
	for _, m := range list {
		r.IDs = append(r.IDs, m.MsgID)
		r.Flags = append(r.Flags, m.ResendFlag)
	}
	return r
}

// Intercept lets f decide what becomes of each call from now on; nil: none.
func (w *World) Intercept(f func(Request) Reaction) {
	w.api.mu.Lock()
	defer w.api.mu.Unlock()
	w.api.intercept = f
}

// Calls is every call so far, in the order of arrival.
func (w *World) Calls() []Request {
	w.api.mu.Lock()
	defer w.api.mu.Unlock()
	return slices.Clone(w.api.calls)
}

// CallsWith is every call so far that carried the message.
func (w *World) CallsWith(id string) []Request {
	return slices.DeleteFunc(w.Calls(), func(r Request) bool { return !r.Has(id) })
}
