package imsim

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// instead gives what a rule puts in the place of the answer.
func (s *Sim) instead(w http.ResponseWriter, r *http.Request, c *call, t *turn, code int) {
	rule := t.replace
	out := outcome{status: http.StatusOK, fault: rule.name}
	setIf(w, "Retry-After", rule.RetryAfter)
	setIf(w, "Location", rule.Location)
	switch rule.Do {
	case DoCode:
		out.code = rule.Code
		s.byRule(w, c, t, out)
	case DoStatus:
		out.status = rule.Status
		s.told(c, out)
		writeAs(w, rule.Status, htmlType, text(rule.Body, page(rule.Status)))
	case DoPage:
		s.told(c, out)
		writeAs(w, http.StatusOK, htmlType, text(rule.Body, login))
	case DoReset, DoStall:
		s.cut(w, c, outcome{fault: rule.name})
	case DoHalf:
		s.compose(c, t, code)
		s.told(c, out)
		half(w, c.out)
	case DoGarbage:
		s.told(c, out)
		writeAs(w, http.StatusOK, jsonType, text(rule.Body, garbage(t.dice)))
	case DoEndless:
		s.told(c, out)
		endless(w, r, s.closed)
	}
}

// byRule answers with a rule's code.
func (s *Sim) byRule(w http.ResponseWriter, c *call, t *turn, out outcome) {
	var about *message
	if len(c.messages) > 0 {
		about = &c.messages[0]
	}
	for i := range c.messages {
		if t.replace.about(&c.messages[i], t.dice) {
			about = &c.messages[i]
			break
		}
	}
	c.refusal(out.code, fill(t.replace.Desc, descs[out.code], about), t.codeText)
	if out.code == 416 {
		s.quota.block(time.Now())
	}
	s.told(c, out)
	write(w, c.out)
}

func setIf(w http.ResponseWriter, name, value string) {
	if value != "" {
		w.Header().Set(name, value)
	}
}

func text(own, otherwise string) []byte {
	if own != "" {
		return []byte(own)
	}
	return []byte(otherwise)
}

// page is what a gateway in front of the API answers with.
func page(status int) string {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
}

const login = `<!DOCTYPE html>
<html><head><title>Sign in</title></head>
<body><form action="/login" method="post"><input name="code" value="200"><input name="password" type="password"></form></body></html>
`

// nonsense are bodies that are no answer, from what was seen of gateways, caches and half-broken servers.
var nonsense = []string{
	"", " ", "null", "[]", "{}", "true", "200", `"ok"`, `{"code":null}`, `{"code":"two hundred"}`, `{"code":{}}`, `{"code":200`,
	`{"code":200,"fail":7,"success":{"a":1}}`, `{"code":200,"fail":"[{","success":"]"}`, "{\"code\":200,\"fail\":[\"\xff\xfe\"]}",
	"\x1f\x8b\x08\x00\x00\x00\x00\x00", "\x00\x01\x02\x03", "OK", "upstream connect error or disconnect/reset before headers",
	`{"fail":[],"success":[]}`, "\xef\xbb\xbf<?xml version=\"1.0\"?><error/>",
}

func garbage(d dice) string { return nonsense[int(d.of(3)*float64(len(nonsense)))] }

// half writes half of the body and cuts the connection. It doesn't return.
func half(w http.ResponseWriter, body []byte) {
	w.Header()["Content-Type"] = jsonType
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// dribble writes the body over d, byte by byte but in at most 100 pieces.
func (s *Sim) dribble(w http.ResponseWriter, r *http.Request, body []byte, d time.Duration) {
	w.Header()["Content-Type"] = jsonType
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	piece := max((len(body)+99)/100, 1)
	each := d / time.Duration(max((len(body)+piece-1)/piece, 1))
	for len(body) > 0 && r.Context().Err() == nil {
		s.pause(r.Context(), each)
		n := min(piece, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		body = body[n:]
	}
}

// endlessBytes ends what is called endless, so that a client without a bound is found out and not the
// machine brought down.
const endlessBytes = 256 << 20

// endless writes an answer that could still become a good one, until the client goes.
func endless(w http.ResponseWriter, r *http.Request, closed <-chan struct{}) {
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write([]byte(`{"code":200,"fail":[`))
	blank := make([]byte, 32<<10)
	for i := range blank {
		blank[i] = ' '
	}
	for range endlessBytes / len(blank) {
		select {
		case <-closed:
			return
		case <-r.Context().Done():
			return
		default:
		}
		if _, err := w.Write(blank); err != nil {
			return
		}
	}
}
