package imsim

import (
	"encoding/json"
	"errors"
	"io"
	"math"

	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// ruled is a Sim with one rule.
func ruled(rules ...Rule) *Sim { return sim(Config{Faults: &Faults{Rules: rules}}) }

func TestARuleTakesThePlaceOfTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		rule   Rule
		status int
		code   int
		body   string // is in it
	}{
		"a code":            {Rule{Do: DoCode, Code: 503}, 200, 503, `{"code":503,"desc":"server busy"}`},
		"a closed room":     {Rule{Do: DoCode, Code: 404}, 200, 404, "chatroom not exist"},
		"an unknown code":   {Rule{Do: DoCode, Code: 13006}, 200, 13006, `"desc":""`},
		"a set-up fault":    {Rule{Do: DoCode, Code: 403, Desc: "forbidden in current region"}, 200, 403, "forbidden in current region"},
		"a checksum fault":  {Rule{Do: DoCode, Code: 414, Desc: "check checksum error"}, 200, 414, "check checksum error"},
		"an address fault":  {Rule{Do: DoCode, Code: 315}, 200, 315, "ip limit"},
		"an echoing desc":   {Rule{Do: DoCode, Code: 414, Desc: "illegal: {attach}"}, 200, 414, `illegal: CurTime is expired \"now\"`},
		"a gateway's 502":   {Rule{Do: DoStatus, Status: 502}, 502, 0, "<h1>502 Bad Gateway</h1>"},
		"a page of its own": {Rule{Do: DoStatus, Status: 503, Body: "down"}, 503, 0, "down"},
		"a redirect":        {Rule{Do: DoStatus, Status: 302, Location: "http://elsewhere/"}, 302, 0, "302 Found"},
		"no content":        {Rule{Do: DoStatus, Status: 204}, 204, 0, ""},
		"a login page":      {Rule{Do: DoPage}, 200, 0, "<title>Sign in</title>"},
		"garbage":           {Rule{Do: DoGarbage, Body: "[1,2"}, 200, 0, "[1,2"},
	} {
		for _, taken := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				c.rule.Taken, c.rule.Name = taken, "the rule"
				var seen []Call
				s := sim(Config{Faults: &Faults{Rules: []Rule{c.rule}}, OnCall: func(x Call) { seen = append(seen, x) }})
				client := serveTCP(t, s)
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				got, err := client.Do(request(form(1, []msg{{"msgId": "a", "msgType": 0, "attach": `CurTime is expired "now"`}})))
				if err != nil {
					t.Fatal(err)
				}
				defer got.Body.Close()
				body, err := io.ReadAll(got.Body)
				if err != nil || got.StatusCode != c.status || !strings.Contains(string(body), c.body) {
					t.Errorf("HTTP %d %q %v, want %d %q", got.StatusCode, body, err, c.status, c.body)
				}
				if c.rule.Location != "" && got.Header.Get("Location") != c.rule.Location {
					t.Errorf("Location %q", got.Header.Get("Location"))
				}
				if shown := len(ids(s, 1)) == 1; shown != taken {
					t.Errorf("shown %v, want %v", shown, taken)
				}
				if len(seen) != 1 || seen[0].Fault != "the rule" || seen[0].Code != c.code || seen[0].Status != c.status || seen[0].Taken != taken {
					t.Errorf("the hook was told %+v", seen)
				}
				if n := s.Stats(); n.ByFault["the rule"] != 1 {
					t.Errorf("%+v", n)
				}
			})
		}
	}
}

func TestEveryCodeThatTheSimulatorKnowsHasAText(t *testing.T) {
	for code, desc := range descs {
		s := ruled(Rule{Do: DoCode, Code: code, RetryAfter: "7"})
		if a := do(t, s, request(chat(1, 0, "a"))); a.Code != code || a.Desc != desc || a.Header.Get("Retry-After") != "7" {
			t.Errorf("%d: %s", code, a.Body)
		}
	}
}

func TestEveryPieceOfGarbageIsServed(t *testing.T) {
	s := ruled(Rule{Do: DoGarbage})
	seen := map[string]bool{}
	client := serveTCP(t, s)
	for range 50 * len(nonsense) {
		got, err := client.Do(request(chat(1, 0, "a")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		seen[string(body)] = true
	}
	for _, x := range nonsense {
		if !seen[x] {
			t.Errorf("never served: %q", x)
		}
	}
}

func TestAConnectionIsResetBeforeOrAfterTheMessagesAreTaken(t *testing.T) {
	for _, taken := range []bool{false, true} {
		s := ruled(Rule{Do: DoReset, Taken: taken, Count: 1})
		client := serveTCP(t, s)
		_, err := client.Do(request(chat(1, 0, "a")))
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("over TCP: %v, want a reset", err)
		}
		if shown := len(ids(s, 1)) == 1; shown != taken {
			t.Errorf("taken %v: shown %v", taken, shown)
		}
		if got, err := client.Do(request(chat(1, 1, "a"))); err != nil || len(read(t, got).Success) != 1 {
			t.Errorf("the call after it: %v", err)
		}
		if n := s.Stats(); n.ByCode["none"] != 1 || n.ByCode["200"] != 1 || n.Shown != 1 {
			t.Errorf("%+v", n)
		}
	}
}

func TestAConnectionIsCutInMemoryToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ruled(Rule{Do: DoReset, Taken: true, Count: 1})
		client, end := serveInMemory(s, time.Second)
		defer end()
		if _, err := client.Do(request(chat(1, 0, "a"))); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v, want an end of the connection", err)
		}
		same(t, "shown", ids(s, 1), []string{"a"})
	})
}

func TestHalfABodyEndsTooSoon(t *testing.T) {
	for _, taken := range []bool{false, true} {
		s := ruled(Rule{Do: DoHalf, Taken: taken})
		got, err := serveTCP(t, s).Do(request(chat(1, 0, "a")))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(got.Body)
		got.Body.Close()
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(string(body), `{"fail":[],"code":200,"success":[{"a"`) || json.Valid(body) {
			t.Errorf("%q %v", body, err)
		}
		if shown := len(ids(s, 1)) == 1; shown != taken {
			t.Errorf("taken %v: shown %v", taken, shown)
		}
	}
}

func TestAnEndlessBodyEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ruled(Rule{Do: DoEndless, Taken: true})
		client, end := serveInMemory(s, time.Minute)
		defer end()
		got, err := client.Do(request(chat(1, 0, "a")))
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.CopyN(io.Discard, got.Body, 8<<20)
		got.Body.Close()
		if n != 8<<20 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		synctest.Wait() // the bubble couldn't end if the handler went on
	})
}

func TestASlowBodyTakesItsTimeAndIsTrue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ruled(Rule{Do: DoSlow, Delay: 30 * time.Second})
		client, end := serveInMemory(s, time.Minute)
		defer end()
		began := time.Now()
		got, err := client.Do(request(chat(1, 0, "a")))
		if err != nil {
			t.Fatal(err)
		}
		a := read(t, got)
		if d := time.Since(began); d < 29*time.Second || d > 31*time.Second {
			t.Errorf("took %v", d)
		}
		same(t, "success", a.succeeded(), []string{"a"})
	})
}

func TestAnAnswerBeyondTheTimeOut(t *testing.T) {
	for name, c := range map[string]struct {
		rule          Rule
		early, before bool // shown within a second, before the client gives up
		after         bool // shown at last
	}{
		"not taken":            {Rule{Do: DoStall, Delay: 8 * time.Second}, false, false, false},
		"taken":                {Rule{Do: DoStall, Delay: 8 * time.Second, Taken: true}, true, true, true},
		"taken late":           {Rule{Do: DoStall, Delay: 8 * time.Second, Taken: true, Late: true}, false, false, true},
		"taken late, in time":  {Rule{Do: DoStall, Delay: 4 * time.Second, Taken: true, Late: true}, false, true, true},
		"a latency":            {Rule{Do: DoLatency, Latency: Latency{Fixed: 8 * time.Second}}, true, true, true},
		"a latency, late":      {Rule{Do: DoLatency, Late: true, Latency: Latency{Fixed: 8 * time.Second}}, false, false, true},
		"a code that is late":  {Rule{Do: DoCode, Code: 500, Delay: 8 * time.Second}, false, false, false},
		"a shape that is late": {Rule{Do: DoStrings, Delay: 8 * time.Second}, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := ruled(c.rule)
				client, end := serveInMemory(s, 5*time.Second)
				defer end()
				began := time.Now()
				time.AfterFunc(soon+time.Millisecond, func() {
					if shown := len(ids(s, 1)) == 1; shown != c.early {
						t.Errorf("after a second: shown %v", shown)
					}
				})
				_, err := client.Do(request(chat(1, 0, "a")))
				if d := time.Since(began); err == nil || d != min(c.rule.Delay+c.rule.Latency.Fixed, 5*time.Second) {
					t.Errorf("%v after %v", err, d)
				}
				synctest.Wait()
				if shown := len(ids(s, 1)) == 1; shown != c.before {
					t.Errorf("when the client gave up: shown %v", shown)
				}
				time.Sleep(10 * time.Second)
				if shown := len(ids(s, 1)) == 1; shown != c.after {
					t.Errorf("at last: shown %v", shown)
				}
			})
		})
	}
}

func TestAClientThatGoesAwayLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ruled(Rule{Do: DoLatency, Latency: Latency{Fixed: time.Hour}})
		client, end := serveInMemory(s, 100*time.Millisecond)
		if _, err := client.Do(request(chat(1, 0, "a"))); err == nil {
			t.Error("an answer came")
		}
		end() // the bubble couldn't end if the handler still waited
		synctest.Wait()
		same(t, "shown", ids(s, 1), []string{"a"}) // what had arrived is taken all the same
	})
}

func TestCloseEndsEveryWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := ruled(Rule{Do: DoStall, Delay: time.Hour, Late: true, Taken: true})
		client, end := serveInMemory(s, 0)
		time.AfterFunc(time.Second, s.Close)
		if _, err := client.Do(request(chat(1, 0, "a"))); err == nil {
			t.Error("an answer came")
		}
		if n := len(ids(s, 1)); n != 0 {
			t.Errorf("%d shown", n)
		}
		end()
	})
}

func TestShapesOfATrueAnswer(t *testing.T) {
	body := form(1, []msg{text0("a", 0), text0("bad", 0), text0("c", 0)})
	refuse := Rule{Do: DoRefuse, Messages: []string{"bad"}, Reason: "no {attach}"}
	for name, c := range map[string]struct {
		rule  Rule
		check func(t *testing.T, a map[string]any)
	}{
		"lists as text": {Rule{Do: DoStrings}, func(t *testing.T, a map[string]any) {
			var fail []map[string]string
			if text, ok := a["fail"].(string); !ok || json.Unmarshal([]byte(text), &fail) != nil || fail[0]["bad"] != "no hello bad" {
				t.Errorf("fail %v", a["fail"])
			}
			var success []map[string]any
			if text, ok := a["success"].(string); !ok || json.Unmarshal([]byte(text), &success) != nil || len(success) != 2 {
				t.Errorf("success %v", a["success"])
			}
		}},
		"no success": {Rule{Do: DoNoSuccess}, func(t *testing.T, a map[string]any) {
			if _, there := a["success"]; there || len(a["fail"].([]any)) != 1 {
				t.Errorf("%v", a)
			}
		}},
		"code as text": {Rule{Do: DoCodeString}, func(t *testing.T, a map[string]any) {
			if a["code"] != "200" {
				t.Errorf("%v", a)
			}
		}},
		"shuffle": {Rule{Do: DoShuffle}, func(t *testing.T, a map[string]any) {
			if _, there := a["traceId"]; !there || len(a["success"].([]any)) != 2 || len(a["fail"].([]any)) != 1 {
				t.Errorf("%v", a)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := ruled(c.rule, refuse)
			w := newRecorder(s, body)
			var a map[string]any
			if err := json.Unmarshal(w, &a); err != nil {
				t.Fatalf("%v in %s", err, w)
			}
			c.check(t, a)
			same(t, "shown", ids(s, 1), []string{"a", "c"})
		})
	}
}

func TestEntriesComeOutOfOrder(t *testing.T) {
	s := ruled(Rule{Do: DoShuffle})
	want := numbered("m", 10)
	a := do(t, s, request(chat(1, 0, want...)))
	got := a.succeeded()
	if slices.Equal(got, want) {
		t.Error("in order")
	}
	slices.Sort(got)
	same(t, "success", got, want)
	same(t, "shown", ids(s, 1), want)
}

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
		if body := newRecorder(s, chat(1, 0, "a")); !strings.Contains(string(body), want) {
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
