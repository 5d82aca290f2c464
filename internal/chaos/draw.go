package chaos

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"roomrelay/batcher"
	"roomrelay/internal/imsim"
)

// Draw makes the plan of a seed.
func Draw(seed uint64) *Plan {
	r := rand.New(rand.NewPCG(seed, 0x776f726c64))
	p := &Plan{Seed: seed, Length: 20*time.Second + within(r, 20*time.Second), Refused: map[string]bool{}}
	p.Setting = drawSetting(r)
	for i := range 2 + r.IntN(9) {
		p.Rooms = append(p.Rooms, int64(i+1))
	}
	p.drawBursts(r)
	p.drawLasting(r)
	if !one(r, 16) { // now and then nothing is wrong: then every rule holds without exception
		p.drawRules(r)
		p.drawDeeds(r)
		p.drawTending()
		p.drawElection()
		p.drawPassedOver()
		p.drawTwoSetUps()
		p.drawHesitation()
	}
	return p
}

// drawTending lets an operator look after letters in a third of the worlds. It has a stream of its own, so that
// seeds which found something before there were such operators still draw the same.
func (p *Plan) drawTending() {
	r := rand.New(rand.NewPCG(p.Seed, 0x6c657474657273))
	if p.Setting.Latest || !one(r, 3) {
		return // with latest, nobody can say of a replayed letter whether it is passed over
	}
	for range 1 + r.IntN(3) {
		p.befalls(Deed{At: between(r, 5*time.Second, p.Length), Do: Tend, Number: r.IntN(1 << 16)})
	}
}

func drawSetting(r *rand.Rand) Setting {
	s := Setting{
		Partitions: 1 + r.IntN(4), Brokers: 1 + r.IntN(2), Workers: 1 + r.IntN(4), Static: one(r, 3), LeaveOn: one(r, 2), Fresh: !one(r, 4),
		Ordering: batcher.Ordering(r.IntN(2)), Window: pick(r, 20, 100, 400), MaxBatch: 1 + r.IntN(10), MaxBody: 64 << 10,
		Slots: 1 + r.IntN(24), MaxEvents: 20 + r.IntN(400), MaxBytes: 1 << 20,
		Lease: 2*time.Second + within(r, sessionTimeout-requestTimeout-2*time.Second), Rebalance: sessionTimeout + within(r, 4*time.Second),
		Resend: one(r, 3), Endpoints: 1 + r.IntN(2),
		NeverHad: []imsim.NeverHad{imsim.NeverHadShow, imsim.NeverHadRefuse}[r.IntN(2)],
		Repeat:   []imsim.Repeat{imsim.RepeatSuccess, imsim.RepeatFail, imsim.Repeat417}[r.IntN(3)],
	}
	if one(r, 3) {
		s.Rate = 9 * (1 + r.IntN(6)) // of the API's 10 to 60
	}
	s.Latest = one(r, 10)
	s.SmallLetters, s.SmallMeta = one(r, 12), one(r, 12)
	if one(r, 8) {
		s.RoomRate = 5 + r.IntN(30)
	}
	if one(r, 4) {
		s.MaxBody = 400 + r.IntN(1200)
	}
	if one(r, 6) {
		s.MaxBytes = 20_000 + r.IntN(100_000)
	}
	return s
}

func one(r *rand.Rand, in int) bool { return r.IntN(in) == 0 }

func pick(r *rand.Rand, ms ...int) time.Duration {
	return time.Duration(ms[r.IntN(len(ms))]) * time.Millisecond
}

func within(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

// between is from least up to, not including, most.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + within(r, most-least)
}

func (p *Plan) drawDeeds(r *rand.Rand) {
	for range r.IntN(9) {
		p.Deeds = append(p.Deeds, Deed{
			At: within(r, p.Length), Do: deeds[r.IntN(len(deeds))], Worker: r.IntN(4),
			For: within(r, 16*time.Second), Anew: one(r, 2), Number: r.IntN(1 << 16),
		})
	}
	if one(r, 3) { // two at about one time: most of what is hard is where one meets another
		at := within(r, p.Length)
		for range 2 + r.IntN(2) {
			p.Deeds = append(p.Deeds, Deed{
				At: at + within(r, 3*time.Second), Do: deeds[r.IntN(len(deeds))], Worker: r.IntN(4),
				For: within(r, 16*time.Second), Anew: one(r, 2), Number: r.IntN(1 << 16),
			})
		}
	}
	p.drawCombinations(r)
	slices.SortStableFunc(p.Deeds, func(a, b Deed) int { return cmp.Compare(a.At, b.At) })
}

// drawCombinations adds what rules were made for and chance alone brings together too rarely.
func (p *Plan) drawCombinations(r *rand.Rand) {
	if p.torrent > 0 { // requests of the torrent's time are lost, late or refused
		for seat := range p.Setting.Workers {
			do := []Do{Late, Fault, Wounds, Slow}[r.IntN(4)]
			d := Deed{At: p.torrent + within(r, 8*time.Second), Do: do, Worker: seat, For: within(r, 10*time.Second), Number: r.IntN(1 << 16)}
			if do == Late {
				d.Number -= d.Number % len(lateKeys) // an OffsetCommit
			}
			if do == Fault {
				d.Number += 1 - d.Number%len(answers) // likewise
			}
			p.Deeds = append(p.Deeds, d)
		}
	}
	if one(r, 6) { // somebody dies, and who takes over stops soon
		at := within(r, p.Length)
		p.Deeds = append(p.Deeds, Deed{At: at, Do: Kill, For: within(r, 10*time.Second), Number: 3 * r.IntN(1000)})
		for seat := 1; seat < p.Setting.Workers; seat++ {
			p.Deeds = append(p.Deeds, Deed{At: at + within(r, 1500*time.Millisecond), Do: Stop, Worker: seat, For: within(r, 10*time.Second)})
		}
	}
	if p.Setting.Latest && one(r, 2) { // the first commits are late, and all die before they come
		for seat := range p.Setting.Workers {
			p.Deeds = append(p.Deeds, Deed{Do: Late, Worker: seat, For: 8 * time.Second, Number: 28818}) // three OffsetCommits, by 8.6 s
		}
		p.Deeds = append(p.Deeds, Deed{At: between(r, time.Second, 4*time.Second), Do: KillAll, For: within(r, 2*time.Second), Anew: true})
		d := &scribe{plan: p, r: r, n: 5000}
		for range 6 {
			p.Bursts = append(p.Bursts, d.burst(within(r, 4*time.Second), 1+r.IntN(5), p.Rooms[r.IntN(len(p.Rooms))], d.sender()))
		}
	}
	if p.Setting.Static && one(r, 3) { // a twin, while the first one can't be told
		d := Deed{At: within(r, p.Length), Do: Usurp, Worker: r.IntN(4), For: 8 * time.Second, Number: 2 * r.IntN(1000)}
		p.Deeds = append(p.Deeds, d)
		if one(r, 2) { // the twin dies at once, and a third takes over from it
			p.Deeds = append(p.Deeds, Deed{At: d.At + between(r, 200*time.Millisecond, time.Second), Do: Kill, Worker: d.Worker, For: 6 * time.Second})
		}
	}
	// Whoever dies has calls on their way that are taken only after its end.
	for _, d := range p.Deeds {
		if slices.Contains([]Do{Kill, KillAll, Operator, Usurp}, d.Do) && one(r, 3) {
			p.lateAround(r, d.At)
		}
	}
}

func (p *Plan) lateAround(r *rand.Rand, at time.Duration) {
	p.lateFor(r, max(0, at-1500*time.Millisecond), at+500*time.Millisecond)
}

func (p *Plan) lateFor(r *rand.Rand, from, until time.Duration) {
	x := imsim.Rule{
		Do: imsim.DoStall, Late: true, Taken: true, Delay: between(r, 600*time.Millisecond, latest), From: from, Until: until,
	}
	p.Rules = slices.DeleteFunc(p.Rules, func(x imsim.Rule) bool { return x.Do == imsim.DoLatency })
	p.Rules = append(p.Rules, x)
}
