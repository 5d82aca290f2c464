package sender

import (
	"net/http"
	"strings"
)

// Verdict is what an answer says of a whole call. It is a metric's label, too.
type Verdict string

const (
	Listed      Verdict = "listed"      // code 200: each message has its own
	Duplicate   Verdict = "duplicate"   // code 417: there already
	Throttled   Verdict = "throttled"   // over the quota: not taken
	Unknown     Verdict = "unknown"     // may have been taken
	Undelivered Verdict = "undelivered" // certainly not taken
	Unsent      Verdict = "unsent"      // held back on the way to the wire: says nothing of anybody
	SetUp       Verdict = "set-up"      // the worker is set up wrongly; no message is at fault
	Refused     Verdict = "refused"     // the request as it is
)

// judge is the table of the design, for a whole call.
func (a *Answer) judge() Verdict {
	switch a.Kind {
	case NotDelivered:
		return Undelivered
	case Withheld:
		return Unsent
	case NoAnswer:
		return Unknown
	}
	switch status := a.HTTPStatus; {
	case status == http.StatusTooManyRequests:
		return Throttled
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500:
		return Unknown
	case status == http.StatusRequestEntityTooLarge:
		return Refused
	case status >= 300 && status < 400:
		return SetUp
	case a.HasCode && a.Code == 200 && status >= 400:
		return Unknown // it contradicts itself
	case a.HasCode:
		return a.judgeCode()
	case status >= 400:
		return SetUp // a gateway's page: the URL is wrong, or it wants something that we don't have
	}
	return Unknown // 2xx with a body that is nobody's: a proxy's login page, or a broken answer
}

func (a *Answer) judgeCode() Verdict {
	switch a.Code {
	case 200:
		return Listed
	case 416:
		return Throttled
	case 417:
		return Duplicate
	case 500, 503, 514, 408, 415, 431:
		return Unknown
	case 301, 302, 315:
		return SetUp
	case 414:
		if a.says(authTexts) != "" {
			return SetUp
		}
	case 403:
		if a.says(regionTexts) != "" {
			return SetUp
		}
	}
	return Refused
}

// authTexts are parts of the desc with which the API answers 414 to wrong credentials or a wrong clock, in
// lower case. A desc may echo what a user wrote, so such an answer alone proves nothing: see setup.
var authTexts = []string{"curtime", "checksum", "check sum", "bad http header", "nonce", "appkey", "app key", "appsecret"}

// regionTexts are those of 403 for an app in the wrong region or without the function.
var regionTexts = []string{"forbidden in current region", "func not enable"}

// says returns which of the texts the desc contains, or "".
func (a *Answer) says(texts []string) string {
	// The API's own text stands at the beginning; what follows may be a user's.
	desc := strings.ToLower(a.Desc[:min(len(a.Desc), 200)])
	for _, t := range texts {
		if strings.Contains(desc, t) {
			return t
		}
	}
	return ""
}

// answered says that the API did something with the call, if only refuse it: it is there.
func (v Verdict) answered() bool {
	return v == Listed || v == Duplicate || v == Refused
}

// unheard says that nobody who knows the API's business answered.
func (v Verdict) unheard() bool { return v == Unknown || v == Undelivered }

// untaken says that the call was certainly not taken.
func (v Verdict) untaken() bool {
	return v == Throttled || v == Undelivered || v == Unsent || v == SetUp || v == Refused
}
