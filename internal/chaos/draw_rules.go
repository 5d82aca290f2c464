package chaos

import (
	"math/rand/v2"
	"slices"
	"time"

	"roomrelay/internal/imsim"
)

// drawRules draws how the API misbehaves for a while.
func (p *Plan) drawRules(r *rand.Rand) {
	for range r.IntN(6) {
		p.Rules = append(p.Rules, p.rule(r))
	}
	if one(r, 4) { // an outage of everything, before what holds for some
		p.Rules = slices.Insert(p.Rules, 0, p.outage(r))
	}
	if one(r, 12) { // two wrong set-ups, one soon after the other
		p.Rules = slices.Insert(p.Rules, 0, p.setUpTwice(r)...)
	}
	if p.looksAlike { // a message looks like a wrong set-up, and once there is one
		p.Rules = slices.Insert(p.Rules, 0, setUpWithin(within(r, p.Length), between(r, time.Second, 4*time.Second)))
	}
	if one(r, 4) { // a room that fails for longer than give-up-after while others are answered
		x := p.trouble(r)
		x.Rooms, x.Chance, x.Until = p.someRooms(r), 0, x.From+giveUpAfter+within(r, 25*time.Second)
		if one(r, 3) { // nearly always, and nothing of it is taken
			x.Chance, x.Taken, p.Setting.NeverHad = 0.85, false, imsim.NeverHadRefuse
		}
		p.Rules = append(p.Rules, x)
	}
	for i := range p.Rules {
		if x := &p.Rules[i]; x.Do == imsim.DoEndless && x.Chance == 0 { // 4 MiB at each call would only cost time
			x.Do = imsim.DoGarbage
		}
	}
	if slices.ContainsFunc(p.Rules, late) { // together they could be later than any rule of a worker can reach
		p.Rules = slices.DeleteFunc(p.Rules, func(x imsim.Rule) bool { return x.Do == imsim.DoLatency })
	}
}

// setUpTwice is credentials that are wrong, are mended, and are wrong again soon after.
func (p *Plan) setUpTwice(r *rand.Rand) []imsim.Rule {
	first := setUpWithin(within(r, p.Length/2), between(r, 6*time.Second, 14*time.Second))
	second := setUpWithin(first.Until+between(r, 500*time.Millisecond, 2*time.Second), 12*time.Second)
	return []imsim.Rule{first, second}
}

// setUpWithin is credentials that are wrong for a time.
func setUpWithin(from, length time.Duration) imsim.Rule {
	return imsim.Rule{Name: setUpRule, Do: imsim.DoCode, Code: 414, Desc: "check checksum error", From: from, Until: from + length}
}

// late says that a rule lets the API take what it was sent late.
func late(x imsim.Rule) bool { return x.Late }

func (p *Plan) someRooms(r *rand.Rand) []int64 { return []int64{p.Rooms[r.IntN(len(p.Rooms))]} }

// outage is a fault for everybody.
func (p *Plan) outage(r *rand.Rand) imsim.Rule {
	x := p.trouble(r)
	x.Chance = 0
	switch {
	case one(r, 6): // everything is refused, as if of other rooms
		return imsim.Rule{Name: allRefusedRule, Do: imsim.DoCode, Code: []int{404, 405, 13002, 419}[r.IntN(4)], From: x.From, Until: x.Until}
	case one(r, 10): // likewise, from the start
		return imsim.Rule{Name: allRefusedRule, Do: imsim.DoCode, Code: 414, Until: x.Until}
	case !one(r, 3):
		return x
	}
	// A wrong set-up: it is one only while nobody is answered.
	y := imsim.Rule{Name: setUpRule, Do: imsim.DoStatus, From: x.From, Until: x.Until}
	switch r.IntN(4) {
	case 0:
		y.Status = []int{401, 404, 400}[r.IntN(3)]
	case 1:
		y.Status, y.Location = []int{301, 302, 307}[r.IntN(3)], "http://elsewhere/"
	case 2:
		y.Do, y.Code, y.Desc = imsim.DoCode, 414, "check checksum error"
	case 3:
		y.Do, y.Code = imsim.DoCode, []int{301, 302, 315}[r.IntN(3)]
	}
	return y
}

// rule is any fault but those for good.
func (p *Plan) rule(r *rand.Rand) imsim.Rule {
	x := p.trouble(r)
	switch r.IntN(13) {
	case 0:
		x = imsim.Rule{Do: imsim.DoLeaveOut, Share: 0.05 + r.Float64()/3, Taken: x.Taken, From: x.From, Until: x.Until, Chance: x.Chance}
	case 1:
		x = imsim.Rule{Do: imsim.DoSlow, Delay: 1 + within(r, 2*time.Second), From: x.From, Until: x.Until, Chance: x.Chance}
	case 2:
		x = imsim.Rule{Do: imsim.DoLatency, Latency: imsim.Latency{Max: 1 + within(r, 2*time.Second)}, From: x.From, Until: x.Until}
	case 3:
		x = imsim.Rule{Do: []imsim.Do{imsim.DoStrings, imsim.DoNoSuccess, imsim.DoCodeString, imsim.DoShuffle, imsim.DoBoth}[r.IntN(5)]}
	case 4: // never taken: 416 says so
		x = imsim.Rule{Do: imsim.DoCode, Code: 416, Count: 1 + r.IntN(2), Chance: 0.3, From: x.From, Until: x.Until}
	case 5:
		x = imsim.Rule{Do: imsim.DoStatus, Status: 429, RetryAfter: []string{"", "1", "3"}[r.IntN(3)], Count: 1, From: x.From, Until: x.Until}
	case 11:
		x = imsim.Rule{Name: retryAfterRule, Do: imsim.DoStatus, Status: 503, RetryAfter: "3", Taken: x.Taken, From: x.From, Until: x.Until, Chance: x.Chance, Rooms: p.someRooms(r)}
	case 6: // a room that refuses all
		x = imsim.Rule{Do: imsim.DoCode, Code: []int{403, 404, 13002, 13003, 13004, 414, 405}[r.IntN(7)], From: x.From, Until: x.Until, Rooms: p.someRooms(r)}
	case 7: // taken late, long after its sender may have gone
		x = imsim.Rule{Do: imsim.DoStall, Late: true, Taken: true, Delay: between(r, 300*time.Millisecond, latest), From: x.From, Until: x.Until, Chance: 0.1 + r.Float64()/2}
	case 8, 9:
		x.Rooms, x.Chance = p.someRooms(r), 0
	}
	return x
}

// allRefusedRule is the name of the rules that refuse everything.
const allRefusedRule = "everything refused"

// retryAfterRule is that of the rules that ask for a pause of retryAfter.
const (
	retryAfterRule = "retry after 3 s"
	retryAfter     = 3 * time.Second
)

// latest is how late the API takes what it was sent, counted from the call's arrival: below the request
// time-out, since later than that no worker can do anything about it.
const latest = requestTimeout - 100*time.Millisecond

// trouble is a fault that leaves calls without an outcome.
func (p *Plan) trouble(r *rand.Rand) imsim.Rule {
	from := within(r, p.Length)
	x := imsim.Rule{From: from, Until: from + time.Second + within(r, 30*time.Second), Chance: 0.05 + r.Float64()*0.5, Taken: one(r, 2)}
	switch r.IntN(8) {
	case 0:
		x.Do, x.Code = imsim.DoCode, []int{500, 503, 514, 408, 415, 431}[r.IntN(6)]
	case 1:
		x.Do, x.Status = imsim.DoStatus, []int{500, 502, 503, 504, 408, 425}[r.IntN(6)]
	case 2:
		x.Do = imsim.DoReset
	case 3:
		x.Do, x.Delay = imsim.DoStall, 1+within(r, 3*time.Second)
	case 4:
		x.Do = imsim.DoHalf
	case 5:
		x.Do = imsim.DoGarbage
	case 6:
		x.Do = imsim.DoPage
	case 7:
		x.Do, x.Chance = imsim.DoEndless, x.Chance/10 // each costs what it takes to read 4 MiB
	}
	return x
}
