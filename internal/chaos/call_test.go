package chaos

import (
	"testing"

	"roomrelay/internal/imsim"
)

func TestTheClassOfAnAnswerIsWhatThePageAndTheGatewaysMeanByIt(t *testing.T) {
	for _, x := range []struct {
		status, code int
		fault        string
		want         class
	}{
		{200, 200, "", listed},
		{200, 417, "", repeated},

		{200, 416, "", throttled},
		{200, 416, "code", throttled},
		{429, 0, "", throttled},
		{429, 0, "status", throttled},

		// Nobody can know of these whether the messages were taken.
		{0, 0, "", unsure},
		{0, 0, "reset", unsure},
		{0, 0, "stall", unsure},
		{200, 0, "page", unsure},
		{200, 0, "garbage", unsure},
		{200, 500, "code", unsure},
		{200, 503, "code", unsure},
		{200, 514, "code", unsure},
		{200, 408, "code", unsure},
		{200, 415, "code", unsure},
		{200, 431, "code", unsure},
		{408, 0, "status", unsure},
		{425, 0, "status", unsure},
		{500, 0, "status", unsure},
		{502, 0, "status", unsure},
		{503, 0, retryAfterRule, unsure},
		{504, 0, "status", unsure},
		{599, 0, "status", unsure},

		{200, 403, "poison", refused},
		{200, 404, "poison", refused},
		{200, 405, "code", refused},
		{200, 413, "poison", refused},
		{200, 419, allRefusedRule, refused},
		{200, 13002, allRefusedRule, refused},
		{200, 13003, "code", refused},
		{200, 13004, "code", refused},
		{413, 0, "", refused}, // as a gateway says that a body is too large

		// 414 is the clock's, or whatever a rule means by it.
		{200, 414, "", setUp},
		{200, 414, setUpRule, setUp},
		{200, 414, "poison", refused},
		{200, 414, "code", refused},
		{200, 414, allRefusedRule, refused},

		{200, 301, setUpRule, setUp},
		{200, 302, setUpRule, setUp},
		{200, 315, setUpRule, setUp},
		{301, 0, setUpRule, setUp},
		{302, 0, setUpRule, setUp},
		{307, 0, "", setUp},
		{400, 0, "", setUp},
		{401, 0, "", setUp},
		{404, 0, setUpRule, setUp},
		{499, 0, "", setUp},
	} {
		if got := classOf(&imsim.Call{Status: x.status, Code: x.code, Fault: x.fault}); got != x.want {
			t.Errorf("status %d code %d fault %q: %d, want %d", x.status, x.code, x.fault, got, x.want)
		}
	}
}

func TestACallIsSilentAboutAMessageWithoutAVerdict(t *testing.T) {
	a, b, c, d := &entry{}, &entry{}, &entry{}, &entry{}
	x := call{entries: []*entry{a, nil, b, c}}
	x.Messages = []imsim.Sent{{Listed: imsim.InSuccess}, {Listed: imsim.InNeither}, {Listed: imsim.InNeither}, {Listed: imsim.InFail}}
	for _, as := range []struct {
		class class
		faint bool
		want  [4]bool // of a, b, c, and d, which isn't in it
	}{
		{listed, false, [4]bool{false, true, false, false}},
		{unsure, false, [4]bool{true, true, true, true}},
		{repeated, false, [4]bool{}},
		{throttled, false, [4]bool{}},
		{refused, false, [4]bool{}},
		{setUp, false, [4]bool{}},
		// A verdict that may not have been heard in time is none.
		{listed, true, [4]bool{true, true, true, true}},
		{refused, true, [4]bool{true, true, true, true}},
	} {
		x.class, x.faint = as.class, as.faint
		if got := [4]bool{x.silent(a), x.silent(b), x.silent(c), x.silent(d)}; got != as.want {
			t.Errorf("class %d, faint %v: %v, want %v", as.class, as.faint, got, as.want)
		}
	}
}

func TestOnlySomebodyWhoKnowsTheMessagesHasAnsweredThem(t *testing.T) {
	for class, want := range map[class]bool{open: false, listed: true, repeated: true, throttled: false, unsure: false, refused: true, setUp: false} {
		if got := (&call{class: class}).answered(); got != want {
			t.Errorf("class %d: %v, want %v", class, got, want)
		}
	}
}

func TestACallTellsOfEachMessageWhatBecameOfIt(t *testing.T) {
	x := call{class: listed}
	x.Messages = []imsim.Sent{
		{MsgID: "m1", Shown: true, Listed: imsim.InSuccess},
		{MsgID: "m2", Flag: 1, Listed: imsim.InSuccess},
		{MsgID: "m3", Shown: true, Listed: imsim.InNeither},
		{MsgID: "m4", Flag: 1, Listed: imsim.InFail},
	}
	if got, want := x.sent(), "m1/0 shown, m2/1, m3/0 shown left out, m4/1 failed"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	x.class = unsure // what its true answer would have said, nobody was told
	if got, want := x.sent(), "m1/0 shown, m2/1, m3/0 shown, m4/1"; got != want {
		t.Errorf("without lists: %q, want %q", got, want)
	}
}
