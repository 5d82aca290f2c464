package sender

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestTheBreakerOpensAfterTenCallsOfThreeRoomsWithoutAnAnswer(t *testing.T) {
	for name, answer := range map[string]func(x *Call) Answer{
		"no answer":     func(*Call) Answer { return Answer{} },
		"no connection": func(*Call) Answer { return Answer{Kind: NotDelivered} },
		"502":           func(*Call) Answer { return Answer{Kind: Answered, HTTPStatus: 502} },
		"code 503":      func(x *Call) Answer { return (&rig{}).reply(x, 200, `{"code":503}`) },
		"login page":    func(x *Call) Answer { return (&rig{}).reply(x, 200, `<html>`) },
	} {
		r := newRig(t)
		fail := func(room int64) {
			c := r.course(room, fmt.Sprint("m", r.ticks))
			x := r.call(c)
			r.Judge(r.now, c, x, answer(x))
		}
		for i := range int64(100) {
			fail(i % 2)
		}
		expect(t, name+": two rooms", r.Gate(r.now).Mode, Open)
		r.elsewhere(5)
		for i := range int64(9) {
			fail(i % 3)
		}
		expect(t, name+": nine calls", r.Gate(r.now).Mode, Open)
		fail(0)
		g := r.Gate(r.now)
		if g.Mode != Shut || g.Why == "" || g.Until.Sub(r.now) > 250*time.Millisecond {
			t.Fatalf("%s: gate %+v", name, g)
		}
	}
}

func TestAnOpenBreakerProbesRarelyAndAnyAnswerClosesIt(t *testing.T) {
	for name, last := range map[string]string{"200": fine, "refused": gone, "416": `{"code":416}`, "set-up": forged} {
		r := newRig(t)
		c := r.course(1, "a")
		for room := range int64(10) {
			r.silence(r.course(room, "x"))
		}
		begun := r.now
		probes := 0
		for r.now.Sub(begun) < time.Hour {
			g := r.Gate(r.now)
			if g.Mode == Shut {
				r.now = g.Until
				continue
			}
			expect(t, name+": mode", g.Mode, Probing)
			x := r.call(c)
			if g := r.Gate(r.now); g.Mode != Shut || !g.Until.IsZero() || g.Why == "" {
				t.Fatalf("%s: while a probe is on its way: %+v", name, g)
			}
			probes++
			r.wait(5 * time.Second)
			r.Judge(r.now, c, x, Answer{Began: r.now.Add(-5 * time.Second)})
		}
		if probes < 60 || probes > 140 {
			t.Errorf("%s: %d probes in an hour", name, probes)
		}
		r.wait(time.Minute)
		r.says(c, last)
		expect(t, name+": open", r.breaker.open, false)
	}
}

func TestOnlyProbesThatFailMakeProbesRarer(t *testing.T) {
	r := newRig(t)
	var late []*Call
	for room := range int64(50) {
		late = append(late, r.call(r.course(room, "late")))
	}
	for room := range int64(10) {
		r.silence(r.course(room, "x"))
	}
	next := r.Gate(r.now).Until
	for _, x := range late { // on their way when it opened
		r.Judge(r.now, nil, x, Answer{})
	}
	expect(t, "next probe", r.Gate(r.now).Until, next)
}

func TestEachStopBeginsWithAProbeAtOnce(t *testing.T) {
	r := newRig(t)
	for range 3 {
		late := r.call(r.course(2, "late"))
		for range 5 { // the longer it lasts the rarer they are
			r.says(r.course(1, "a"), forged)
			r.now = latest(r.now, r.Gate(r.now).Until)
		}
		r.says(r.course(1, "a"), forged)
		expect(t, "a later probe waits", r.Gate(r.now).Mode, Shut)
		r.Judge(r.now, nil, late, r.reply(late, 200, fine))
		r.says(r.course(1, "a"), forged)
		expect(t, "the first one doesn't", r.Gate(r.now).Mode, Probing)
		r.elsewhere(2)
	}
}

func TestAGreaterShareIsUsedAtOnce(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Rate = 50 })
	r.SetShare(r.now, 1, 500)
	r.now = r.Gate(r.now).Until
	r.elsewhere(1)
	expect(t, "a tenth a second", r.Gate(r.now).Until.Sub(r.now), 10*time.Second)
	r.SetShare(r.now, 500, 500)
	expect(t, "50 a second", r.Gate(r.now).Until.Sub(r.now), 20*time.Millisecond)
}

func TestI12_NoCallBeginsWithinTenSecondsOfA416(t *testing.T) {
	r := newRig(t)
	throttle := func(c *Course, x *Call, after time.Duration) Judgement {
		a := r.reply(x, 200, `{"code":416,"desc":"query too fast"}`)
		a.RetryAfter = after
		return r.Judge(r.now, c, x, a)
	}
	until := func(what string, want time.Duration) {
		t.Helper()
		g := r.Gate(r.now)
		expect(t, what, g.Until.Sub(r.now), want)
		expect(t, what, g.Mode, Shut)
	}
	c := r.course(1, "a")
	x, y := r.call(c), r.call(r.course(2, "b"))
	j := throttle(c, x, 0)
	expect(t, "absolved", ids(j.Absolved), "a/0")
	expect(t, "room", j.Room, Same)
	expect(t, "left", ids(c.Events()), "a/0")
	until("first", 10*time.Second)
	r.wait(3 * time.Second)
	throttle(nil, y, 0) // begun before: the same penalty, 10 s from here
	until("the same", 10*time.Second)
	for _, seconds := range []int{20, 40, 60, 60} {
		r.now = r.Gate(r.now).Until
		throttle(c, r.call(c), 0)
		until("repeated", time.Duration(seconds)*time.Second)
	}
	r.now = r.Gate(r.now).Until.Add(time.Minute)
	throttle(c, r.call(c), 4*time.Minute)
	until("Retry-After", 4*time.Minute)
	r.now = r.Gate(r.now).Until.Add(time.Minute)
	throttle(c, r.call(c), time.Second)
	until("after a calm minute", 10*time.Second)
}

func TestI12_NoSlidingSecondHasMoreCallsThanTheShare(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		q := quota{rate: []float64{1, 3, 10, 90, 99.9, 1000, 0.4}[random.IntN(7)]}
		now := time.Unix(1_700_000_000, 0)
		var begun []time.Time
		for range 3000 {
			if len(begun) == 0 || random.IntN(200) == 0 {
				q.setShare(now, 1+random.IntN(8), 8)
			}
			at, never := q.free(now)
			if never {
				t.Fatal("never")
			}
			if at.After(now) {
				now = at
			}
			if random.IntN(50) == 0 { // idle for a while
				now = now.Add(time.Duration(random.Int64N(int64(3 * time.Second))))
			}
			now = now.Add(time.Duration(random.Int64N(int64(20 * time.Millisecond)))) // a late timer
			q.take(now)
			begun = append(begun, now)
			in := 0
			for i := len(begun) - 1; i >= 0 && now.Sub(begun[i]) < time.Second; i-- {
				in++
			}
			// The second that ends here has what its last call's share allows.
			if in > q.most {
				t.Fatalf("rate %v: %d calls in a second, share %d", q.rate, in, q.most)
			}
		}
	}
}

// The quota is the app's: what one worker used of a second isn't there for the one that takes its partitions over.
func TestI12_AHandoverKeepsTheGroupWithinWhatTheAPITakes(t *testing.T) {
	for _, rate := range []int{9, 45, 90} {
		for n := 2; n <= 6; n++ {
			for _, held := range [][2][]int{
				{append(make([]int, n-1), n), slices.Repeat([]int{1}, n)}, // one held all
				{slices.Repeat([]int{1}, n), append(make([]int, n-1), n)}, // one takes all
			} {
				if most, allowed := busiest(rate, n, held[0], held[1]), rate*10/9; most > allowed {
					t.Errorf("rate %d: %d calls in a second when %v becomes %v", rate, most, held[0], held[1])
				}
			}
		}
	}
}

// busiest is how many calls workers make together in a second that have as many as they may, and hold other
// partitions after two seconds.
func busiest(rate, partitions int, before, after []int) (most int) {
	began := time.Unix(1_700_000_000, 0)
	workers := make([]quota, len(before))
	for i := range workers {
		workers[i] = quota{rate: float64(rate)}
		workers[i].setShare(began.Add(time.Duration(137*i)*time.Millisecond), before[i], partitions)
	}
	var calls []time.Time
	for ms := range 5000 {
		now := began.Add(time.Duration(ms) * time.Millisecond)
		for i := range workers {
			q := &workers[i]
			if ms == 2000+37*i { // nobody learns of it at the same time
				q.setShare(now, after[i], partitions)
			}
			if at, never := q.free(now); !never && !at.After(now) {
				q.take(now)
				calls = append(calls, now)
			}
		}
		for len(calls) > 0 && now.Sub(calls[0]) >= time.Second {
			calls = calls[1:]
		}
		most = max(most, len(calls))
	}
	return most
}

func TestTheShareIsUsedInSpiteOfLateTimers(t *testing.T) {
	for _, rate := range []float64{0.25, 1, 7, 90, 500} {
		q := quota{rate: 2 * rate}
		now := time.Unix(1_700_000_000, 0)
		q.setShare(now, 1, 2)
		begun, calls := now, 0
		gap := time.Duration(0)
		for last := now; now.Sub(begun) < 100*time.Second; calls++ {
			if at, _ := q.free(now); at.After(now) {
				now = at.Add(time.Millisecond)
			}
			gap = max(gap, now.Sub(last))
			last = now
			q.take(now)
		}
		if want := 100 * rate * 0.98; float64(calls) < want || float64(calls) > 100*rate+1 {
			t.Errorf("%d calls in 100 s at %v a second", calls, rate)
		}
		if even := time.Duration(1.2*float64(time.Second)/rate) + lateness; gap > even {
			t.Errorf("a gap of %v at %v a second: not even", gap, rate)
		}
	}
}

func TestWithoutAShareNothingIsSent(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Rate = 90 })
	expect(t, "at first", fmt.Sprint(r.Gate(r.now)), fmt.Sprint(Gate{Mode: Shut}))
	r.SetShare(r.now, 1, 3)
	expect(t, "the first", r.Gate(r.now).Until.Sub(r.now), time.Second/30)
	r.now = r.Gate(r.now).Until
	r.elsewhere(1)
	expect(t, "after", r.Gate(r.now).Mode, Shut)
	r.SetShare(r.now, 0, 3)
	expect(t, "none held", fmt.Sprint(r.Gate(r.now.Add(time.Hour))), fmt.Sprint(Gate{Mode: Shut}))
}

func TestTheGateNamesWhatHoldsSendingUp(t *testing.T) {
	r := newRig(t)
	cause := func(want Cause) {
		t.Helper()
		g := r.Gate(r.now)
		expect(t, "cause", g.Cause, want)
		expect(t, "tells why", g.Why != "", want != Free)
	}
	cause(Free)
	r.says(r.course(1, "a"), forged)
	cause(WrongSetUp)
	r.elsewhere(2)
	cause(Free)
	for room := range int64(10) {
		r.silence(r.course(room, "x"))
	}
	cause(Unresponsive)
	r.wait(time.Second)
	r.says(r.course(1, "b"), `{"code":416}`)
	cause(OverQuota)
}
