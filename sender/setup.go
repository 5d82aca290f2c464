package sender

import (
	"fmt"
	"time"
)

// setup is the trouble of a worker that is set up wrongly: wrong credentials, clock, region or URL. No
// message is at fault, so none is refused; but a desc may echo what a user wrote, so the trouble stands
// only until any call is answered 200.
type setup struct {
	why    string    // "": no trouble
	told   bool      // an answer said it, or a 414 before any 200, rather than that everything is refused
	next   time.Time // of the next probe
	pauses pauses
}

// A probe finds out within seconds that a setting was mended, and bothers the API twice a minute at most.
const (
	firstProbe  = time.Second
	rarestProbe = 30 * time.Second
)

func newSetup() setup { return setup{pauses: newPauses(firstProbe, rarestProbe)} }

// stands notes a verdict of this kind. The first probe goes at once, if it can in another room: if it is
// answered 200, the trouble is the one call's and not the worker's.
func (s *setup) stands(now time.Time, why string) {
	if s.why == "" {
		s.next = now
		s.pauses.Reset()
	}
	s.why = why
}

// probed delays the next probe after one that ended in whatever way but a 200.
func (s *setup) probed(now time.Time) { s.next = now.Add(s.pauses.next()) }

func (s *setup) over() { s.why, s.told = "", false }

// explain tells a person what an answer of this kind says. The desc isn't repeated, since it may hold a
// user's text: only which of the known texts it has.
func (a *Answer) explain() string {
	switch {
	case a.HTTPStatus >= 300 && a.HTTPStatus < 400:
		return fmt.Sprintf("api-endpoint redirects (HTTP %d): set it to the address that the API's documentation names for your region", a.HTTPStatus)
	case !a.HasCode:
		return fmt.Sprintf("api-endpoint answers HTTP %d, not as the API does: check its URL, and what stands between", a.HTTPStatus)
	case a.Code == 414:
		return fmt.Sprintf("the API refuses the signature (414, %q): check app-key, app-secret and this machine's clock", a.says(authTexts))
	case a.Code == 403:
		return fmt.Sprintf("the API refuses the app (403, %q): check that api-endpoint is of the app's region, and that batch sending is enabled", a.says(regionTexts))
	case a.Code == 301:
		return "the API says that the app is disabled (301): ask its owner"
	case a.Code == 302:
		return "the API refuses the credentials (302): check app-key and app-secret"
	case a.Code == 315:
		return "the API doesn't allow this machine's IP address (315): add it in the app's console"
	}
	return fmt.Sprintf("the API answers %d", a.Code)
}
