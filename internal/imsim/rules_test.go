package imsim

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestMessagesAreLeftOutOfBothLists(t *testing.T) {
	for _, taken := range []bool{false, true} {
		s := ruled(Rule{Do: DoLeaveOut, Messages: []string{"b"}, Taken: taken, Count: 1})
		a := do(t, s, request(chat(1, 0, "a", "b", "c")))
		same(t, "success", a.succeeded(), []string{"a", "c"})
		same(t, "fail", a.failed(), nil)
		want := []string{"a", "c"}
		if taken {
			want = []string{"a", "b", "c"}
		}
		same(t, "shown", ids(s, 1), want)
		if n := s.Stats(); n.LeftOut != 1 {
			t.Errorf("%+v", n)
		}
		do(t, s, request(chat(1, 1, "b")))
		if n := s.Stats(); n.Shown != 3 || (n.Deduplicated == 1) != taken || n.ShownTwice != 0 {
			t.Errorf("after the repetition: %+v", n)
		}
	}
}

func TestLeavingOutIsDecidedAnewAtEachCall(t *testing.T) {
	s := ruled(Rule{Do: DoLeaveOut, Share: 0.5})
	for i := range 100 {
		if len(do(t, s, request(chat(1, 0, "a"))).Success) > 0 {
			if i == 0 {
				t.Skip("the seed doesn't leave the first one out")
			}
			return
		}
	}
	t.Error("left out for good")
}

func TestARefusedMessageIsRefusedForGoodAndAlone(t *testing.T) {
	rule := Rule{Do: DoRefuse, Share: 0.3}
	s := ruled(rule)
	all := numbered("m", 100)
	for flag := range 2 {
		for part := range slices.Chunk(all, 10) {
			a := do(t, s, request(chat(1, flag, part...)))
			var want []string
			for _, id := range part {
				if rule.Picks(s.cfg.Seed, id) {
					want = append(want, id)
				}
			}
			same(t, "fail", a.failed(), want)
			if len(want) > 0 && a.reason(want[0]) != ReasonRefuse {
				t.Errorf("%s", a.Body)
			}
			if len(a.Success)+len(want) != 10 {
				t.Errorf("%d delivered, %d refused", len(a.Success), len(want))
			}
		}
	}
	if n := len(ids(s, 1)); n < 55 || n > 85 {
		t.Errorf("%d of 100 shown at a share of 0.3 refused", n)
	}
}

func TestAPoisonedMessageRefusesItsWholeCall(t *testing.T) {
	s := ruled(Rule{Do: DoPoison, Messages: []string{"bad"}, Desc: "{attach} is wrong"})
	for range 2 {
		if a := do(t, s, request(chat(1, 0, "a", "bad", "c"))); a.Code != 414 || a.Desc != "hello bad is wrong" {
			t.Errorf("%s", a.Body)
		}
	}
	if a := do(t, s, request(chat(1, 0, "a", "c"))); a.Code != 200 {
		t.Errorf("without it: %s", a.Body)
	}
	same(t, "shown", ids(s, 1), []string{"a", "c"})
	if n := s.Stats(); n.ByCode["414"] != 2 || n.ByFault["poison"] != 2 {
		t.Errorf("%+v", n)
	}
}

func TestWhenARuleHolds(t *testing.T) {
	call := func(room int64, sender, id string) string {
		return form(room, []msg{text0(id, 0)}, "fromAccid", sender)
	}
	for name, c := range map[string]struct {
		rule Rule
		want string // of calls in rooms 1 2 3 of alice, then of bob, then again: x where the rule holds
	}{
		"always":       {Rule{}, "xxx xxx xxx"},
		"a room":       {Rule{Rooms: []int64{2}}, ".x. .x. .x."},
		"a sender":     {Rule{Senders: []string{"bob"}}, "... xxx ..."},
		"a message":    {Rule{Messages: []string{"alice2"}}, ".x. ... .x."},
		"all together": {Rule{Rooms: []int64{3}, Senders: []string{"alice"}}, "..x ... ..x"},
		"count":        {Rule{Count: 4}, "xxx x.. ..."},
		"skip":         {Rule{Skip: 4}, "... .xx xxx"},
		"skip, count":  {Rule{Skip: 1, Count: 1, Rooms: []int64{1}}, "... x.. ..."},
		"from":         {Rule{From: time.Second}, "... xxx xxx"},
		"until":        {Rule{Until: 2 * time.Second}, "xxx xxx ..."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.rule.Do, c.rule.Code = DoCode, 500
				s := ruled(c.rule)
				var got []byte
				for i, sender := range []string{"alice", "bob", "alice"} {
					if i > 0 {
						got = append(got, ' ')
						time.Sleep(time.Second)
					}
					for room := int64(1); room <= 3; room++ {
						mark := byte('.')
						if do(t, s, request(call(room, sender, sender+string('0'+byte(room))))).Code == 500 {
							mark = 'x'
						}
						got = append(got, mark)
					}
				}
				if string(got) != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
			})
		})
	}
}

func TestChancesAreThoseOfTheRuleAndRepeatWithTheSeed(t *testing.T) {
	faults := &Faults{Rules: []Rule{
		{Do: DoCode, Code: 500, Chance: 0.2},
		{Do: DoCode, Code: 503, Chance: 0.25}, // of the four fifths that are left
		{Do: DoCode, Code: 404, RoomShare: 0.5},
	}}
	run := func(seed uint64) (codes []int) {
		s := sim(Config{Faults: faults, Seed: seed})
		for room := range int64(20) {
			for range 100 {
				codes = append(codes, do(t, s, request(chat(room+1, 0, "a"))).Code)
			}
		}
		return codes
	}
	first := run(7)
	if !slices.Equal(first, run(7)) {
		t.Error("the same seed gave another run")
	}
	if slices.Equal(first, run(8)) {
		t.Error("another seed gave the same run")
	}
	count := map[int]float64{}
	for _, code := range first {
		count[code]++
	}
	for code, want := range map[int]float64{500: 400, 503: 400} {
		if math.Abs(count[code]-want) > 80 { // more than four standard deviations
			t.Errorf("code %d: %v of 2000, want about %v", code, count[code], want)
		}
	}
	if closed := count[404]; closed < 200 || closed > 1000 {
		t.Errorf("half of the rooms closed: %v calls of 1200", closed)
	}
}

func TestTheFirstRuleThatTakesThePlaceCounts(t *testing.T) {
	s := ruled(Rule{Do: DoCode, Code: 500, Count: 1}, Rule{Do: DoCode, Code: 503, Count: 1}, Rule{Do: DoCodeString})
	for i, want := range []string{`"code":"500"`, `"code":"503"`, `"code":"200"`} {
		if body := bodyOf(s, chat(1, 0, "a")); !strings.Contains(string(body), want) {
			t.Errorf("call %d: %s, want %s", i, body, want)
		}
	}
}

func TestFaultsAreCheckedAndReadAsTheyAreWritten(t *testing.T) {
	f := &Faults{NeverHad: NeverHadRefuse, Repeat: RepeatFail, Rules: []Rule{
		{Do: DoStall, Delay: 1500 * time.Millisecond, From: time.Second, Until: time.Minute, Rooms: []int64{1}, Late: true},
		{Do: DoLatency, Latency: Latency{P50: time.Second, P99: 2 * time.Second, Spike: time.Minute, SpikeShare: 0.25}},
	}}
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadFaults(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if second, _ := json.Marshal(again); string(second) != string(text) || !strings.Contains(string(text), `"delay":"1.5s"`) {
		t.Errorf("%s\n%s", text, second)
	}
	for text, want := range map[string]string{
		`{"rules":[{"do":"explode"}]}`:                             `rule 1: do: "explode" is unknown`,
		`{"rules":[{"do":"reset"},{"do":"code"}]}`:                 "rule 2: code: which code is missing",
		`{"rules":[{"do":"reset","wen":"1s"}]}`:                    `unknown field "wen"`,
		`{"rule":[]}`:                                              `unknown field "rule"`,
		`{"rules":[{"do":"reset","chance":2}]}`:                    "a chance or share of 2",
		`{"rules":[{"do":"reset","share":0.5}]}`:                   "take chance",
		`{"rules":[{"do":"stall"}]}`:                               "delay is missing",
		`{"rules":[{"do":"slow"}]}`:                                "delay is missing",
		`{"rules":[{"do":"status"}]}`:                              "take 200 to 599",
		`{"rules":[{"do":"latency"}]}`:                             "which latency is missing",
		`{"rules":[{"do":"reset","from":"2s","until":"1s"}]}`:      "is no time",
		`{"rules":[{"do":"reset","delay":"-1s"}]}`:                 "below 0",
		`{"rules":[{"do":"reset","from":"soon"}]}`:                 "soon",
		`{"neverHad":"x"}`:                                         "neverHad",
		`{"repeat":"x"}`:                                           "repeat",
		`{} {}`:                                                    "something follows",
		`{"rules":[{"do":"latency","latency":"p50=2s,p99=1s"}]}`:   "p99",
		`{"rules":[{"do":"latency","latency":"1s","chance":-1}]} `: "a chance or share of -1",
	} {
		if _, err := ReadFaults(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestFaultsThatCannotBeKeptAreNotSet(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("set")
		}
	}()
	sim(Config{}).SetFaults(&Faults{Rules: []Rule{{Do: "explode"}}})
}

func TestSuccessIsNotLeftOutWhereThatWouldBeALie(t *testing.T) {
	s := ruled(Rule{Do: DoNoSuccess}, Rule{Do: DoLeaveOut, Messages: []string{"b"}})
	for ids, want := range map[string]bool{"a": false, "b": true} {
		if body := bodyOf(s, chat(1, 0, ids)); strings.Contains(string(body), "success") != want {
			t.Errorf("%s: %s", ids, body)
		}
	}
}
