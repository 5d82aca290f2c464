package sender

import (
	"fmt"
	"testing"
)

// rows are every code of the table, and what they come to for a single message that goes with 0 and with 1.
func TestEveryRowOfTheTable(t *testing.T) {
	codes := map[Verdict][]int{
		Listed:    {200},
		Throttled: {416},
		Unknown:   {500, 503, 514, 408, 415, 431},
		SetUp:     {301, 302, 315},
		Refused:   {0, -1, 201, 403, 404, 405, 406, 413, 414, 418, 419, 422, 508, 998, 999, 13001, 13002, 13003, 13004, 13005, 13009, 801, 77777},
	}
	for want, list := range codes {
		for _, code := range list {
			for _, form := range []string{`{"code":%d,"desc":"no"}`, `{"desc":"no","code":"%d","x":[1]}`} {
				r := newRig(t)
				r.elsewhere(9)
				c := r.course(1, "a")
				j := r.says(c, fmt.Sprintf(form, code))
				expect(t, fmt.Sprint("code ", code), j.Verdict, want)
				expect(t, fmt.Sprint("letters of code ", code), len(j.Letters), map[bool]int{true: 1}[want == Refused])
				expect(t, fmt.Sprint("delivered of code ", code), len(j.Delivered), map[bool]int{true: 1}[want == Listed])
				flag := uint8(0)
				if want == Unknown {
					flag = 1
				}
				expect(t, fmt.Sprint("flag after code ", code), c.trials[0].event.Flag, flag)
			}
		}
	}
}

func TestTextsOfAuthenticationClockAndRegionAreTheWorkersFault(t *testing.T) {
	for desc, want := range map[string]Verdict{
		`{"code":414,"desc":"CurTime is expired"}`:        SetUp,
		`{"code":414,"desc":"bad http header"}`:           SetUp,
		`{"code":414,"desc":"check checksum error"}`:      SetUp,
		`{"code":414,"desc":"Invalid CheckSum"}`:          SetUp,
		`{"code":"414","desc":"AppKey not exist"}`:        SetUp,
		`{"code":414,"desc":"msgContents size exceeded"}`: Refused,
		`{"code":414}`: Refused,
		`{"code":403,"desc":"forbidden in current region"}`:      SetUp,
		`{"code":403,"desc":"func not enable"}`:                  SetUp,
		`{"code":403,"desc":"hit moderation: CurTime checksum"}`: Refused,
		`{"code":404,"desc":"forbidden in current region"}`:      Refused,
	} {
		a := Answer{Kind: Answered, HTTPStatus: 200}
		a.read([]byte(desc), nil)
		expect(t, desc, a.judge(), want)
	}
}

func TestEveryHTTPStatus(t *testing.T) {
	for status := 100; status < 600; status++ {
		var page Verdict
		switch {
		case status == 429:
			page = Throttled
		case status == 408, status == 425, status >= 500, status < 300:
			page = Unknown
		case status == 413:
			page = Refused
		default:
			page = SetUp
		}
		for body, want := range map[string]Verdict{
			"": page, "<html>": page, `{"error":"x"}`: page, `{"code":"x"}`: page,
			// A code in the body is the API's own only where no gateway speaks over it.
			`{"code":404,"desc":"gone"}`: withCode(status, page, Refused),
			`{"code":416}`:               withCode(status, page, Throttled),
			`{"code":503}`:               withCode(status, page, Unknown),
		} {
			a := Answer{Kind: Answered, HTTPStatus: status}
			a.read([]byte(body), nil)
			expect(t, fmt.Sprint(status, " ", body), a.judge(), want)
		}
	}
	a := Answer{Kind: Answered, HTTPStatus: 404}
	a.read([]byte(fine), nil)
	expect(t, "404 with code 200", a.judge(), Unknown)
}

func withCode(status int, page, code Verdict) Verdict {
	switch {
	case status < 300, status >= 400 && status < 500 && status != 408 && status != 413 && status != 425 && status != 429:
		return code
	}
	return page
}

func TestNoConnectionIsNotDeliveredAndNoAnswerIsUnknown(t *testing.T) {
	expect(t, "no connection", (&Answer{Kind: NotDelivered}).judge(), Undelivered)
	expect(t, "no answer", (&Answer{Kind: NoAnswer}).judge(), Unknown)
}
