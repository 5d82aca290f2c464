package imsim

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestBeyondTheQuotaAllCallsAreBlockedFor10s(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sim(Config{Rate: 3})
		n := 0
		call := func(want int) {
			t.Helper()
			n++
			if a := do(t, s, request(chat(int64(n), 0, "a"))); a.Code != want || want == 416 && a.Desc != tooFast {
				t.Errorf("call %d: %s, want %d", n, a.Body, want)
			}
		}
		time.Sleep(900 * time.Millisecond) // a bubble's time begins on a whole second
		for range 3 {
			call(200)
		}
		time.Sleep(100 * time.Millisecond)
		for range 3 { // seconds are fixed, not sliding: six calls within 100 ms are fine
			call(200)
		}
		call(416)
		time.Sleep(5 * time.Second)
		call(416)
		time.Sleep(5*time.Second - time.Nanosecond)
		call(416)
		time.Sleep(time.Nanosecond) // calls during the penalty don't lengthen it
		for range 3 {
			call(200)
		}
		if got := s.Stats(); got.ByCode["416"] != 3 || got.ByCode["200"] != 9 || got.Shown != 9 || got.Received != 9 {
			t.Errorf("%+v", got)
		}
	})
}

func TestCallsThatBreakALimitCountForTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sim(Config{Rate: 1})
		if a := do(t, s, request("roomid=x")); a.Code != 414 {
			t.Errorf("%s", a.Body)
		}
		if a := do(t, s, request("roomid=x")); a.Code != 416 {
			t.Errorf("%s", a.Body)
		}
		r := request("roomid=x")
		r.Header.Del("AppKey") // nobody's call counts for nobody
		if a := do(t, s, r); a.Code != 414 {
			t.Errorf("%s", a.Body)
		}
	})
}

func TestA416ByARuleBlocksToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sim(Config{Faults: &Faults{Rules: []Rule{{Do: DoCode, Code: 416, Count: 1}}}})
		for i, want := range []int{416, 416, 200} {
			if a := do(t, s, request(chat(1, 0, "a"))); a.Code != want {
				t.Errorf("call %d: %s", i, a.Body)
			}
			time.Sleep(penalty/2 + time.Nanosecond)
		}
	})
}
