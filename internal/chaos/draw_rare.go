package chaos

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"roomrelay/internal/imsim"
)

// What is rare draws from streams of its own: none of them gives a seed of seeds.txt anything but what it had when it
// found something.
const (
	elections  = 0x656c656374696f70
	passedOver = 0x7061737365646f79
	twoSetUps  = 0x74776f736574757f
	hesitation = 0x686573697461746e
)

// drawElection lets all workers die while the group's coordinator moves: who takes over asks one that was elected a
// moment ago, and nobody has committed anything since.
func (p *Plan) drawElection() {
	r := rand.New(rand.NewPCG(p.Seed, elections))
	if !one(r, 8) {
		return
	}
	at := between(r, 3*time.Second, p.Length)
	p.befalls(
		Deed{At: at, Do: KillAll, For: within(r, 500*time.Millisecond), Number: 3 * r.IntN(1000)},
		Deed{At: at + within(r, 300*time.Millisecond), Do: Rehash, For: longestBehind, Number: r.IntN(1000)},
	)
}

// drawPassedOver lets a partition's log move past the commit and change its leader while nobody reads it, and then
// auto-offset-reset pass over what came meanwhile.
func (p *Plan) drawPassedOver() {
	r := rand.New(rand.NewPCG(p.Seed, passedOver))
	if !p.Setting.Latest || !one(r, 2) {
		return
	}
	room, at := p.Rooms[r.IntN(len(p.Rooms))], between(r, 3*time.Second, p.Length)
	partition := 2 * p.home(room) // as befallBroker has it
	p.befalls(
		Deed{At: at + time.Second, Do: Truncate, Number: partition},
		Deed{At: at + 2*time.Second, Do: Move, Number: partition + 2*p.Setting.Partitions*r.IntN(50)},
	)
	const away = 4 * time.Second // within a session
	if one(r, 2) {
		p.befalls(Deed{At: at, Do: KillAll, For: away})
	} else {
		for seat := range p.Setting.Workers {
			p.befalls(Deed{At: at, Do: CutKafka, Worker: seat, For: away})
		}
	}
	d := &scribe{plan: p, r: r, n: 7000}
	for i := range 4 {
		p.Bursts = append(p.Bursts, d.burst(at+time.Duration(i)*1500*time.Millisecond, 8+r.IntN(8), room, d.sender()))
	}
}

// drawHesitation lets a worker have calls in its hands that wait for a connection when its lease runs out. Or the API
// takes them late, so that what counts is since when it has had them.
func (p *Plan) drawHesitation() {
	r := rand.New(rand.NewPCG(p.Seed, hesitation))
	if !one(r, 10) {
		return
	}
	x := Deed{At: between(r, 2*time.Second, p.Length), Do: Hesitate, Worker: r.IntN(4), For: between(r, 4*time.Second, 9*time.Second), Number: r.IntN(1000)}
	p.befalls(x)
	if one(r, 2) {
		p.lateFor(r, x.At, x.At+x.For)
		p.Setting.NeverHad = imsim.NeverHadRefuse
	}
	d := &scribe{plan: p, r: r, n: 8000}
	for range 10 {
		p.Bursts = append(p.Bursts, d.burst(x.At+within(r, p.Setting.Lease), 1+r.IntN(8), p.Rooms[r.IntN(len(p.Rooms))], d.sender()))
	}
}

// drawTwoSetUps lets the credentials be wrong twice, more often than drawRules does: it takes many such worlds until the
// one batch that was tried in both wasn't tried between.
func (p *Plan) drawTwoSetUps() {
	r := rand.New(rand.NewPCG(p.Seed, twoSetUps))
	wrong := func(x imsim.Rule) bool { return x.Name == setUpRule || x.Name == allRefusedRule }
	if one(r, 5) && !p.looksAlike && !slices.ContainsFunc(p.Rules, wrong) { // a worker must bear two, not three
		p.Rules = slices.Insert(p.Rules, 0, p.setUpTwice(r)...)
	}
}

// befalls adds deeds.
func (p *Plan) befalls(some ...Deed) {
	p.Deeds = append(p.Deeds, some...)
	slices.SortStableFunc(p.Deeds, func(a, b Deed) int { return cmp.Compare(a.At, b.At) })
}
