package imsim

import (
	"io"
	"testing"
	"testing/synctest"
	"time"
)

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
