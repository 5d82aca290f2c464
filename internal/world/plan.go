package world

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"roomrelay/batcher"
	"roomrelay/internal/imsim"
	"roomrelay/internal/relay"
)

// Plan is a whole world and all that happens in it, drawn from a seed.
type Plan struct {
	Seed       uint64
	Partitions int
	Brokers    int
	Workers    int
	Static     bool // workers have instance ids
	Ordering   batcher.Ordering
	Window     time.Duration
	MaxBatch   int
	Slots      int
	MaxEvents  int
	Rate       int // calls a second of all workers; 0: none
	Lease      time.Duration
	Length     time.Duration // of the time in which anything happens
	Faults     imsim.Faults  // over Length
	Lasting    []imsim.Rule  // what the API refuses for good, also afterwards
	Refused    map[string]bool
	Writes     []Write     // by time
	Events     []Happening // by time
	Rooms      []int64
}

// Write is one record that a producer writes.
type Write struct {
	At time.Duration
	Message
	Invalid bool // what is written is no event
}

// Happening is one thing that befalls a worker or the broker.
type Happening struct {
	At     time.Duration
	Do     string
	Worker int           // which seat
	For    time.Duration // until it is over, or the seat is taken again
	Anew   bool          // the next in the seat bears another instance id
	Number int           // picks what in particular
}

// The time-outs of every Plan: as short as the rules of settings let them be, so that much happens in a
// minute. requestTimeout stays above the second within which the simulator takes what it takes.
const (
	planRequest   = 1200 * time.Millisecond
	planSession   = 6 * time.Second
	planRebalance = 8 * time.Second
	planGiveUp    = 20 * time.Second
	planDrain     = 7 * time.Second
)

// Draw makes the plan of a seed.
func Draw(seed uint64) *Plan {
	r := rand.New(rand.NewPCG(seed, 0x776f726c64))
	p := &Plan{
		Seed: seed, Partitions: 1 + r.IntN(4), Brokers: 1 + r.IntN(2), Workers: 1 + r.IntN(3), Static: r.IntN(3) == 0,
		Ordering: batcher.Ordering(r.IntN(2)), Window: pick(r, 20, 100, 400), MaxBatch: 1 + r.IntN(10),
		Slots: 1 + r.IntN(12), MaxEvents: 20 + r.IntN(400), Lease: 2*time.Second + time.Duration(r.IntN(2800))*time.Millisecond,
		Length:  60*time.Second + time.Duration(r.IntN(60))*time.Second,
		Refused: map[string]bool{},
	}
	if r.IntN(3) == 0 {
		p.Rate = 10 + r.IntN(60)
	}
	for i := range 3 + r.IntN(9) {
		p.Rooms = append(p.Rooms, int64(i+1))
	}
	p.drawWrites(r)
	p.drawFaults(r)
	p.drawEvents(r)
	return p
}

func pick(r *rand.Rand, ms ...int) time.Duration {
	return time.Duration(ms[r.IntN(len(ms))]) * time.Millisecond
}

func within(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

// home is the partition of a room.
func (p *Plan) home(room int64) int { return int(room) % p.Partitions }

func (p *Plan) drawWrites(r *rand.Rand) {
	n := 0
	for range 10 + r.IntN(60) { // bursts
		at, room, sender := within(r, p.Length), p.Rooms[r.IntN(len(p.Rooms))], fmt.Sprint("s", r.IntN(3))
		for range 1 + r.IntN(15) {
			n++
			w := Write{At: at, Message: Message{Room: room, Sender: sender, ID: fmt.Sprint("m", n), Attach: fmt.Sprint("text ", n), Partition: p.home(room)}}
			w.Invalid = r.IntN(40) == 0
			p.Writes = append(p.Writes, w)
			at += time.Duration(r.IntN(2)) * within(r, 300*time.Millisecond)
			if !w.Invalid && r.IntN(30) == 0 { // the producer sends it again, and says so
				w.At, w.Resend = at+within(r, 10*time.Second), 1
				p.Writes = append(p.Writes, w)
			}
		}
	}
	slices.SortStableFunc(p.Writes, func(a, b Write) int { return cmp.Compare(a.At, b.At) })
	p.drawRefused(r)
}

// drawRefused picks few messages, so that what is refused can't be mistaken for a wrong set-up.
func (p *Plan) drawRefused(r *rand.Rand) {
	var fail, poison []string
	for range r.IntN(5) {
		fail = append(fail, p.Writes[r.IntN(len(p.Writes))].ID)
	}
	for range r.IntN(4) {
		poison = append(poison, p.Writes[r.IntN(len(p.Writes))].ID)
	}
	if len(fail) > 0 {
		p.Lasting = append(p.Lasting, imsim.Rule{Do: imsim.DoRefuse, Messages: fail})
	}
	if len(poison) > 0 {
		codes := []int{414, 404, 405, 419, 13002}
		p.Lasting = append(p.Lasting, imsim.Rule{Do: imsim.DoPoison, Messages: poison, Code: codes[r.IntN(len(codes))], Desc: "not this one"})
	}
	for _, id := range slices.Concat(fail, poison) {
		p.Refused[id] = true
	}
}

func (p *Plan) drawFaults(r *rand.Rand) {
	p.Faults.NeverHad = []imsim.NeverHad{imsim.NeverHadShow, imsim.NeverHadRefuse}[r.IntN(2)]
	p.Faults.Repeat = []imsim.Repeat{imsim.RepeatSuccess, imsim.RepeatFail, imsim.Repeat417}[r.IntN(3)]
	for range r.IntN(7) {
		p.Faults.Rules = append(p.Faults.Rules, p.rule(r))
	}
	if r.IntN(3) == 0 { // an outage of everything
		x := p.trouble(r)
		x.Chance = 0
		if r.IntN(4) == 0 { // a wrong set-up, which is one only while nobody is answered
			x = imsim.Rule{Do: imsim.DoStatus, Status: []int{401, 301}[r.IntN(2)], From: x.From, Until: x.Until}
		}
		p.Faults.Rules = slices.Insert(p.Faults.Rules, 0, x) // before those that hold for some
	}
	p.Faults.Rules = append(p.Faults.Rules, p.Lasting...)
}

// rule is any fault but those for good.
func (p *Plan) rule(r *rand.Rand) imsim.Rule {
	x := p.trouble(r)
	switch r.IntN(10) {
	case 0:
		x.Do, x.Share, x.Rooms = imsim.DoLeaveOut, 0.05+r.Float64()/3, nil
	case 1:
		x = imsim.Rule{Do: imsim.DoSlow, Delay: within(r, 2*time.Second) + 1, From: x.From, Until: x.Until, Chance: x.Chance}
	case 2:
		x = imsim.Rule{Do: imsim.DoLatency, Latency: imsim.Latency{Max: within(r, 2*time.Second) + 1}, From: x.From, Until: x.Until}
	case 3:
		x = imsim.Rule{Do: []imsim.Do{imsim.DoStrings, imsim.DoNoSuccess, imsim.DoCodeString, imsim.DoShuffle}[r.IntN(4)]}
	case 4:
		x = imsim.Rule{Do: imsim.DoCode, Code: 416, Count: 1, Chance: 0.3, From: x.From, Until: x.Until} // never taken: 416 says so
	case 5, 6:
		x.Rooms = []int64{p.Rooms[r.IntN(len(p.Rooms))]}
		x.Chance = 0
	}
	return x
}

// trouble is a fault that leaves calls without an outcome.
func (p *Plan) trouble(r *rand.Rand) imsim.Rule {
	from := within(r, p.Length)
	x := imsim.Rule{From: from, Until: from + time.Second + within(r, 40*time.Second), Chance: 0.05 + r.Float64()*0.5, Taken: r.IntN(2) == 0}
	switch r.IntN(7) {
	case 0:
		x.Do, x.Code = imsim.DoCode, []int{500, 503, 514, 408, 415, 431}[r.IntN(6)]
	case 1:
		x.Do, x.Status = imsim.DoStatus, []int{500, 502, 503, 504, 408, 425}[r.IntN(6)]
	case 2:
		x.Do = imsim.DoReset
	case 3:
		x.Do, x.Delay = imsim.DoStall, within(r, 3*time.Second)+1
	case 4:
		x.Do = imsim.DoHalf
	case 5:
		x.Do = imsim.DoGarbage
	case 6:
		x.Do = imsim.DoPage
	}
	return x
}

// deeds are what may befall, the commoner ones more than once.
var deeds = []string{"kill", "kill", "freeze", "freeze", "reset", "fault", "fault", "fault", "move", "rehash", "stop", "stop", "join", "unwritable"}

func (p *Plan) drawEvents(r *rand.Rand) {
	for range r.IntN(10) {
		p.Events = append(p.Events, Happening{
			At: within(r, p.Length), Do: deeds[r.IntN(len(deeds))], Worker: r.IntN(3),
			For: within(r, 20*time.Second), Anew: r.IntN(2) == 0, Number: r.IntN(1 << 16),
		})
	}
	slices.SortStableFunc(p.Events, func(a, b Happening) int { return cmp.Compare(a.At, b.At) })
}

// configure gives a worker the plan's settings.
func (p *Plan) configure(c *relay.Config) {
	c.Consumer.SessionTimeout, c.Consumer.RebalanceTimeout, c.Consumer.RequestTimeout = planSession, planRebalance, planRequest
	c.Consumer.Lease, c.Consumer.CommitEvery, c.Consumer.MaxEvents = p.Lease, 500*time.Millisecond, p.MaxEvents
	c.Consumer.MaxBytes = 1 << 20
	c.Batcher.Ordering, c.Batcher.Window, c.Batcher.MaxBatch, c.Batcher.Slots = p.Ordering, p.Window, p.MaxBatch, p.Slots
	c.Batcher.MaxBytes = 64 << 10
	c.Sender.RequestTimeout, c.Sender.GiveUpAfter, c.Sender.Rate = planRequest, planGiveUp, float64(p.Rate)
	c.Sender.RetryInitial, c.Sender.RetryMax = 50*time.Millisecond, 2*time.Second
	c.Sender.DuplicateReasons = []string{imsim.ReasonRepeat}
	c.DeadLetter.RequestTimeout, c.DeadLetter.RetryInitial, c.DeadLetter.RetryMax = planRequest, 50*time.Millisecond, 2*time.Second
	c.DrainTimeout = planDrain
}
