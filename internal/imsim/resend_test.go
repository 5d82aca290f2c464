package imsim

import (
	"strings"
	"testing"
)

// step is one message sent alone, and what should come of it.
type step struct {
	flag   int
	code   int
	reason string // in `fail`; "" is in `success`
}

func TestARepeatedMessageIsJudgedByItsFlag(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		steps  []step
		want   Stats
	}{
		"0 0":               {Config{}, []step{{0, 200, ""}, {0, 200, ReasonResend}}, Stats{Shown: 1, Unflagged: 1, Refused: 1}},
		"0 1 1":             {Config{}, []step{{0, 200, ""}, {1, 200, ""}, {1, 200, ""}}, Stats{Shown: 1, Deduplicated: 2}},
		"1 never seen":      {Config{}, []step{{1, 200, ""}, {1, 200, ""}}, Stats{Shown: 1, Deduplicated: 1}},
		"forgetful 0 0 0":   {Config{Forgetful: true}, []step{{0, 200, ""}, {0, 200, ""}, {0, 200, ""}}, Stats{Shown: 3, Unflagged: 2, ShownTwice: 1}},
		"forgetful 0 1":     {Config{Forgetful: true}, []step{{0, 200, ""}, {1, 200, ""}}, Stats{Shown: 1, Deduplicated: 1}},
		"never had":         {Config{Faults: &Faults{NeverHad: NeverHadRefuse}}, []step{{1, 200, ReasonResend}, {0, 200, ""}, {1, 200, ""}}, Stats{Shown: 1, Deduplicated: 1, Refused: 1}},
		"repeat in fail":    {Config{Faults: &Faults{Repeat: RepeatFail}}, []step{{0, 200, ""}, {1, 200, ReasonRepeat}}, Stats{Shown: 1, Deduplicated: 1, Refused: 1}},
		"repeat is 417":     {Config{Faults: &Faults{Repeat: Repeat417}}, []step{{0, 200, ""}, {1, 417, ""}, {1, 417, ""}}, Stats{Shown: 1, Deduplicated: 2}},
		"417 only for 1":    {Config{Faults: &Faults{Repeat: Repeat417}}, []step{{0, 200, ""}, {0, 200, ReasonResend}}, Stats{Shown: 1, Unflagged: 1, Refused: 1}},
		"never had, forget": {Config{Forgetful: true, Faults: &Faults{NeverHad: NeverHadRefuse}}, []step{{1, 200, ReasonResend}, {0, 200, ""}, {0, 200, ""}}, Stats{Shown: 2, Unflagged: 1, ShownTwice: 1, Refused: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := sim(c.config)
			for i, x := range c.steps {
				a := do(t, s, request(chat(1, x.flag, "a")))
				if a.Code != x.code || a.reason("a") != x.reason || len(a.Success) > 0 != (x.code == 200 && x.reason == "") {
					t.Errorf("step %d: %s", i, a.Body)
				}
			}
			got := s.Stats()
			if got.Calls != int64(len(c.steps)) || got.Received != int64(len(c.steps)) {
				t.Errorf("calls %d, received %d", got.Calls, got.Received)
			}
			c.want.Calls, c.want.Received, c.want.Rooms = got.Calls, got.Received, got.Rooms
			got.ByCode, got.ByFault, got.Seconds = nil, nil, 0
			if !equalNumbers(got, c.want) {
				t.Errorf("stats %+v\nwant  %+v", got, c.want)
			}
			if n := int64(len(ids(s, 1))); n != got.Shown {
				t.Errorf("%d messages kept, %d shown", n, got.Shown)
			}
		})
	}
}

func equalNumbers(a, b Stats) bool {
	return a.Shown == b.Shown && a.Deduplicated == b.Deduplicated && a.Unflagged == b.Unflagged &&
		a.ShownTwice == b.ShownTwice && a.Refused == b.Refused && a.LeftOut == b.LeftOut
}

func TestAMsgIdBelongsToItsRoom(t *testing.T) {
	s := sim(Config{})
	do(t, s, request(chat(1, 0, "a")))
	if a := do(t, s, request(chat(2, 0, "a"))); len(a.Success) != 1 {
		t.Errorf("the same msgId in another room: %s", a.Body)
	}
	if got := s.Stats(); got.Rooms != 2 || got.Shown != 2 || got.Unflagged != 0 {
		t.Errorf("%+v", got)
	}
}

func TestABatchIsJudgedMessageByMessage(t *testing.T) {
	s := sim(Config{})
	do(t, s, request(chat(1, 0, "a", "b")))
	a := do(t, s, request(form(1, []msg{text0("x", 0), text0("a", 0), text0("y", 1), text0("b", 1)})))
	same(t, "fail", a.failed(), []string{"a"})
	same(t, "success", a.succeeded(), []string{"x", "y", "b"})
	same(t, "shown", ids(s, 1), []string{"a", "b", "x", "y"})
}

func Test417IsOnlyForACallThatIsRepeatedAsAWhole(t *testing.T) {
	s := sim(Config{Faults: &Faults{Repeat: Repeat417}})
	do(t, s, request(chat(1, 0, "a")))
	if a := do(t, s, request(chat(1, 1, "a", "b"))); a.Code != 200 || len(a.Success) != 2 {
		t.Errorf("with a new message among them: %s", a.Body)
	}
	if a := do(t, s, request(chat(1, 1, "a", "b"))); a.Code != 417 || a.Desc != "repeated operation" {
		t.Errorf("all repeated: %s", a.Body)
	}
	same(t, "shown", ids(s, 1), []string{"a", "b"})
}

func TestWhatIsKeptOfMessages(t *testing.T) {
	for keep, want := range map[Keep]string{KeepAll: "a hello a e", KeepIDs: "a  ", KeepNothing: ""} {
		s := sim(Config{Keep: keep})
		m := text0("a", 0)
		m["ext"] = "e"
		do(t, s, request(form(1, []msg{m})))
		do(t, s, request(form(1, []msg{m})))
		var got []string
		for x := range s.Messages(0) {
			got = append(got, x.MsgID+" "+x.Attach+" "+x.Ext)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("keep %d: %q, want %q", keep, got, want)
		}
		if n := s.Stats(); n.Shown != 1 || n.Unflagged != 1 {
			t.Errorf("keep %d: %+v", keep, n)
		}
	}
}
