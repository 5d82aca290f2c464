package imsim

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// outcome is how a call was answered.
type outcome struct {
	code, status int // 0: none
	fault        string
}

// serve answers one call.
func (s *Sim) serve(w http.ResponseWriter, r *http.Request, c *call) {
	c.begin(time.Now())
	c.number, c.host = s.numb.calls.Add(1), r.Host
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		s.plain(w, c, http.StatusMethodNotAllowed)
		return
	}
	if err := c.read(r); errors.Is(err, errTooLarge) {
		s.plain(w, c, http.StatusRequestEntityTooLarge)
		return
	} else if err != nil {
		s.cut(w, c, outcome{}) // the client has gone while it sent the body
	}
	unsigned := s.signed(r, c)
	// The quota counts calls whatever is in them; they are read before, so that the hooks can tell of them.
	wrong := c.form(r, s.cfg.OnCall != nil || s.cfg.OnArrival != nil, s.cfg.Seed)
	if s.cfg.OnArrival != nil {
		c.arrived(s.cfg.OnArrival)
	}
	if unsigned != "" {
		s.refuse(w, c, 414, unsigned)
		return
	}
	if !s.quota.admit(c.began, s.cfg.Rate) {
		s.refuse(w, c, 416, tooFast)
		return
	}
	if wrong != "" {
		s.refuse(w, c, 414, wrong)
		return
	}
	s.numb.received.Add(int64(len(c.messages)))
	p := s.plan.Load()
	t := s.turnOf(c, p)
	s.answer(w, r, c, &t, p)
}

// form reads what the call says; "" or what is wrong with it.
func (c *call) form(r *http.Request, keepOptions bool, seed uint64) string {
	if !isForm(r.Header["Content-Type"]) {
		// A body that isn't read as a form has no parameters: so the API says this, and not what is wrong.
		return "roomid is empty"
	}
	if wrong := c.parse(keepOptions); wrong != "" {
		return wrong
	}
	return c.parseList(seed)
}

func isForm(header []string) bool {
	const form = "application/x-www-form-urlencoded"
	if len(header) == 0 || len(header[0]) < len(form) || !strings.EqualFold(header[0][:len(form)], form) {
		return false
	}
	rest := strings.TrimSpace(header[0][len(form):])
	return rest == "" || rest[0] == ';'
}

// skew is how far CurTime may be away.
const skew = 5 * time.Minute

// signed checks the headers; "" or the API's desc.
func (s *Sim) signed(r *http.Request, c *call) string {
	// The names as net/http writes them, looked up without making them so.
	key, nonce, at, sum := r.Header["Appkey"], r.Header["Nonce"], r.Header["Curtime"], r.Header["Checksum"]
	if len(key) != 1 || len(nonce) != 1 || len(at) != 1 || len(sum) != 1 ||
		key[0] != s.cfg.AppKey || nonce[0] == "" || len(nonce[0]) > 128 {
		return "bad http header"
	}
	seconds, err := strconv.ParseInt(at[0], 10, 64)
	if err != nil {
		return "bad http header"
	}
	if d := c.began.Sub(time.Unix(seconds, 0)); d > skew || d < -skew {
		return "CurTime is expired"
	}
	c.part = append(append(append(c.part[:0], s.cfg.AppSecret...), nonce[0]...), at[0]...)
	hash := sha1.Sum(c.part)
	var want [2 * sha1.Size]byte
	hex.Encode(want[:], hash[:])
	if sum[0] != string(want[:]) {
		return "check checksum error"
	}
	return ""
}

// answer takes the messages and answers, each as the turn says.
func (s *Sim) answer(w http.ResponseWriter, r *http.Request, c *call, t *turn, p *plan) {
	s.pause(r.Context(), t.first)
	taking := (t.replace == nil || t.replace.Taken) && t.poison == nil
	code := 200
	if taking && !t.late {
		code = s.take(c, p)
	}
	if !t.late {
		s.pause(r.Context(), t.wait)
	} else if !s.pause(context.WithoutCancel(r.Context()), t.wait) {
		s.cut(w, c, outcome{})
	} else if taking {
		code = s.take(c, p)
	}
	if t.replace != nil {
		s.instead(w, r, c, t, code)
		return
	}
	s.truth(w, r, c, t, code)
}

// truth gives the true answer.
func (s *Sim) truth(w http.ResponseWriter, r *http.Request, c *call, t *turn, code int) {
	out := outcome{code: s.compose(c, t, code), status: http.StatusOK}
	if t.poison != nil {
		out.fault = t.poison.name
	}
	s.told(c, out)
	if t.slow > 0 {
		s.dribble(w, r, c.out, t.slow)
		return
	}
	write(w, c.out)
}

// compose writes the true answer and returns its code.
func (s *Sim) compose(c *call, t *turn, code int) int {
	switch {
	case t.poison != nil:
		code = t.poison.Code
		if code == 0 {
			code = 414
		}
		c.refusal(code, fill(t.poison.Desc, descs[code], t.poisoned), t.codeText)
	case code != 200:
		c.refusal(code, descs[code], t.codeText)
	default:
		c.lists(t)
		s.count(c)
	}
	return code
}

// count counts what the lists say.
func (s *Sim) count(c *call) {
	var refused, hidden int64
	for i := range c.messages {
		switch m := &c.messages[i]; {
		case m.hidden:
			hidden++
		case m.verdict == fault || m.verdict == resend || m.verdict == duplicate:
			refused++
		}
	}
	if refused > 0 {
		s.numb.refused.Add(refused)
	}
	if hidden > 0 {
		s.numb.leftOut.Add(hidden)
	}
}

// refuse answers with a code that refuses the call.
func (s *Sim) refuse(w http.ResponseWriter, c *call, code int, desc string) {
	c.refusal(code, desc, false)
	s.told(c, outcome{code: code, status: http.StatusOK})
	write(w, c.out)
}

// plain answers as the server in front of the API does.
func (s *Sim) plain(w http.ResponseWriter, c *call, status int) {
	s.told(c, outcome{status: status})
	c.out = append(c.out[:0], page(status)...)
	writeAs(w, status, htmlType, c.out)
}

// told counts the outcome and tells the hook.
func (s *Sim) told(c *call, out outcome) {
	s.numb.answered(out.code, out.status, out.fault)
	if s.cfg.OnCall != nil {
		c.notice(s.cfg.OnCall, out)
	}
}

// cut ends the connection without an answer, with a reset where there is TCP. It doesn't return.
func (s *Sim) cut(w http.ResponseWriter, c *call, out outcome) {
	s.told(c, out)
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// pause waits for d; it ends early when ctx ends or the simulator is closed. It says whether it wasn't the
// latter.
func (s *Sim) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-s.closed:
		return false
	}
	return true
}

// Header values that every answer shares: setting them this way allocates nothing.
var (
	jsonType = []string{"application/json; charset=utf-8"}
	htmlType = []string{"text/html"}
)

func write(w http.ResponseWriter, body []byte) { writeAs(w, http.StatusOK, jsonType, body) }

func writeAs(w http.ResponseWriter, status int, kind []string, body []byte) {
	h := w.Header()
	h["Content-Type"] = kind
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		body = nil // they have none
		delete(h, "Content-Length")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone is its own matter
}
