package main

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"roomrelay/internal/config"
)

// apiCheck makes one call an endpoint: signed, and with an empty list of messages for no room, which the API
// can only refuse. How it does so tells whether the signature was good.
type apiCheck struct {
	*report
	settings *config.Settings
}

// A CheckSum is good for 5 minutes around its CurTime, by the API's page on calls. Half a minute is more
// than a synchronised clock is ever off.
const (
	clockLimit = 4*time.Minute + 30*time.Second
	clockNote  = 30 * time.Second
)

func (a *apiCheck) run(ctx context.Context) {
	clock := false
	for _, endpoint := range a.settings.APIEndpoints {
		if date, ok := a.endpoint(ctx, endpoint); ok && !clock {
			clock = true
			a.clock(date)
		}
	}
	if !clock {
		a.note("clock", "not looked at, since no endpoint tells the time")
	}
}

// clock compares this machine's with the API's.
func (a *apiCheck) clock(off time.Duration) {
	switch text := off.Abs().Round(time.Second).String(); {
	case off.Abs() >= clockLimit:
		a.fail("clock", "this machine's is %s off the API's, which refuses signatures that are 5m off: synchronise it (NTP)", text)
	case off.Abs() >= clockNote:
		a.note("clock", "this machine's is %s off the API's; it should be synchronised (NTP)", text)
	default:
		a.ok("clock", "fits the API's")
	}
}

// endpoint returns how far this machine's clock is ahead, if the answer tells the time.
func (a *apiCheck) endpoint(ctx context.Context, endpoint string) (ahead time.Duration, ok bool) {
	what := "endpoint " + endpoint
	begun := time.Now()
	status, header, body, err := a.call(ctx, endpoint)
	took := time.Since(begun)
	if err != nil {
		a.fail(what, "can't be reached: %v", err)
		return 0, false
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		ahead, ok = begun.Add(took/2).Sub(date.Add(time.Second/2)), true // the header has whole seconds
	}
	var answer struct {
		Code json.Number `json:"code"`
		Desc any         `json:"desc"`
	}
	code := -1
	if json.Unmarshal(body, &answer) == nil {
		if n, err := strconv.Atoi(answer.Code.String()); err == nil {
			code = n
		}
	}
	switch {
	case status >= 300 && status < 400:
		a.fail(what, "redirects (HTTP %d): set api-endpoint to the address that the API's documentation names for the app's region", status)
	case code < 0:
		a.fail(what, "answers HTTP %d, not as the API does: check the URL, and what stands between", status)
	default:
		a.ok(what, "answers in %v", took.Round(time.Millisecond))
		a.credentials(code, brief(fmt.Sprint(answer.Desc)))
	}
	return ahead, ok
}

// credentials says what the API's code means for a call that it had to refuse.
func (a *apiCheck) credentials(code int, desc string) {
	const what = "credentials"
	lower := strings.ToLower(desc)
	has := func(texts ...string) bool {
		for _, t := range texts {
			if strings.Contains(lower, t) {
				return true
			}
		}
		return false
	}
	switch {
	case code == 414 && has("curtime"):
		a.fail("clock", "the API refuses the time of the signature (414 %s): synchronise this machine's clock (NTP)", desc)
	case code == 414 && has("checksum", "check sum", "http header", "nonce", "appkey", "app key", "appsecret"), code == 302:
		a.fail(what, "the API refuses the signature (%d %s): check app-key and app-secret", code, desc)
	case code == 301:
		a.fail(what, "the API says that the app is disabled (301 %s)", desc)
	case code == 315:
		a.fail(what, "the API doesn't allow this machine's IP address (315 %s)", desc)
	case code == 403 && has("region", "func not enable"):
		a.fail(what, "the API refuses the app (403 %s): is the endpoint of the app's region, and is batch sending enabled?", desc)
	case code == 416:
		a.note(what, "can't tell: the app is over its quota at the moment (416)")
	case code == 408 || code == 415 || code >= 500 && code < 600:
		a.note(what, "can't tell: the API is in trouble (%d %s)", code, desc)
	default:
		a.ok(what, "the API takes the signature (it answers %d to an empty call)", code)
	}
}

// brief makes what somebody else wrote fit a line.
func brief(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))), " ")
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80]) + "…"
	}
	return s
}

func (a *apiCheck) call(ctx context.Context, endpoint string) (status int, header http.Header, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.settings.RequestTimeout)
	defer cancel()
	u, err := url.Parse(endpoint)
	if err != nil {
		return 0, nil, nil, err
	}
	form := url.Values{"roomid": {"0"}, "fromAccid": {"roomrelay-check"}, "msgList": {"[]"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("nimserver/chatroom/batchSendMsg.action").String(), strings.NewReader(form))
	if err != nil {
		return 0, nil, nil, err
	}
	nonce, now := rand.Text(), strconv.FormatInt(time.Now().Unix(), 10)
	sum := sha1.Sum([]byte(string(a.settings.AppSecret) + nonce + now))
	req.Header["Content-Type"] = []string{"application/x-www-form-urlencoded;charset=utf-8"}
	req.Header["AppKey"] = []string{a.settings.AppKey}
	req.Header["Nonce"] = []string{nonce}
	req.Header["CurTime"] = []string{now}
	req.Header["CheckSum"] = []string{hex.EncodeToString(sum[:])}
	resp, err := http.DefaultTransport.RoundTrip(req) // which follows no redirect
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, resp.Header, body, err
}
