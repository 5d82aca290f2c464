package chaos

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/world"
)

// Do is what befalls.
type Do string

// What befalls a worker and its network.
const (
	Kill      Do = "kill"            // it dies, and another one sits down later
	KillAll   Do = "kill all"        // all die at one instant
	Stop      Do = "stop"            // it is told to stop, and another one sits down later
	Join      Do = "join"            // one more
	Usurp     Do = "usurp"           // another one begins under its instance id while it is alive
	Freeze    Do = "freeze"          // nothing of it moves for a while
	CutKafka  Do = "cut off Kafka"   // its links to Kafka, both ways
	Deaf      Do = "deaf to Kafka"   // what it asks is done, and it hears of nothing
	CutAPI    Do = "cut off the API" //
	DeafAPI   Do = "deaf to the API" // what it sends is taken, and it hears of nothing
	Reset     Do = "reset"           // all its connections end
	Wounds    Do = "wounds of Kafka" // connections to Kafka are cut before, within, after what they carry
	WoundsAPI Do = "wounds of the API"
	Slow      Do = "slow Kafka"
	SlowAPI   Do = "slow API"
	Lag       Do = "lag, then cut off" // answers of Kafka come late, and then none
	Late      Do = "late request"      // the network keeps requests to Kafka that were given up long ago
	Refuse    Do = "endpoint refuses"
	Wall      Do = "wall clock jumps"
	Hesitate  Do = "slow dials of the API, cut off Kafka"
)

// What befalls the brokers.
const (
	Fault      Do = "broker's error"
	Unwritable Do = "letters unwritable"
	TooLarge   Do = "metadata too large"
	Move       Do = "leader moves"
	Rehash     Do = "coordinators move"
	Grow       Do = "partitions added"
	Truncate   Do = "log start moves"
	Operator   Do = "operator resets offsets" // while all workers are stopped
	Tend       Do = "operator tends letters"  // some are replayed, some discarded
)

// deeds are what may befall, the commoner ones more than once.
var deeds = []Do{
	Kill, Kill, Kill, KillAll, Stop, Stop, Stop, Join, Join, Usurp, Freeze, Freeze, CutKafka, CutKafka, Deaf, CutAPI, DeafAPI, Reset, Reset,
	Wounds, Wounds, WoundsAPI, WoundsAPI, Slow, SlowAPI, Lag, Late, Late, Refuse, Wall,
	Fault, Fault, Fault, Fault, Unwritable, Unwritable, TooLarge, Move, Move, Rehash, Rehash, Grow, Truncate, Operator,
}

// happen lets a deed happen.
func (r *Run) happen(d Deed) {
	r.note("%s: %+v", d.Do, d)
	r.cover.deed(d.Do)
	r.states(string(d.Do))
	s := r.seats[d.Worker%len(r.seats)]
	switch d.Do {
	case Fault, Unwritable, TooLarge, Move, Rehash, Grow, Truncate:
		r.befallBroker(d)
	case Join:
		if len(r.seats) < 5 {
			r.sit(r.newSeat(), d.Number%2 == 0 && r.plan.Setting.Static)
		}
	case KillAll:
		for _, s := range r.seats {
			if !s.busy {
				r.leave(s, d, (*world.Worker).Kill)
				if d.Number%3 == 0 {
					r.expel(s.worker.Name)
				}
			}
		}
	case Operator:
		r.operate(d)
	case Tend:
		r.tend(d)
	default:
		if !s.busy {
			r.befall(s, d)
		}
	}
}

// leave empties a seat and fills it again later.
func (r *Run) leave(s *seat, d Deed, how func(*world.Worker)) {
	s.busy = true
	how(s.worker)
	r.after(r.now()+d.For, func() { r.sit(s, d.Anew) })
}

// befall does to a worker or to its links what can be done to them.
func (r *Run) befall(s *seat, d Deed) {
	x, over := s.worker, r.now()+d.For
	heal := func(l *world.Link) { r.after(over, func() { l.Heal(); r.note("%s is sound again", x.Name) }) }
	switch d.Do {
	case Kill:
		r.leave(s, d, (*world.Worker).Kill)
		if d.Number%3 == 0 { // somebody sees at once that it is dead
			r.expel(x.Name)
		}
	case Stop:
		s.busy = true
		r.stops.Go(func() { r.stop(x) })
		r.after(over+drainTimeout, func() { r.sit(s, d.Anew) })
	case Usurp:
		if r.plan.Setting.Static {
			if d.Number%2 == 0 { // and the old one can't be told
				x.Kafka.Freeze()
				heal(x.Kafka)
			}
			r.sit(s, false)
		}
	case Reset:
		x.Kafka.Reset()
		x.API.Reset()
	case Wall:
		s.wall.jump(jumps[d.Number%len(jumps)])
	case Freeze:
		s.busy = true
		x.Kafka.Freeze()
		x.API.Freeze()
		r.after(over, func() { s.busy = false; x.Kafka.Heal(); x.API.Heal(); r.note("%s thaws", x.Name) })
	case Hesitate:
		x.Kafka.Freeze()
		x.API.Hesitate(spread(d.Number, requestTimeout/2, requestTimeout*9/10))
		for n := range 8 { // until its lease has run out, calls must dial
			r.after(r.now()+time.Duration(n)*500*time.Millisecond, x.API.Reset)
		}
		heal(x.Kafka)
		heal(x.API)
	case Lag:
		x.Kafka.Slow(0, spread(d.Number, 500*time.Millisecond, 1900*time.Millisecond))
		r.after(r.now()+8*time.Second, func() { x.Kafka.Freeze() })
		r.after(r.now()+18*time.Second, func() { x.Kafka.Heal() })
	default:
		if d.Do == Refuse && d.Number%2 == 0 && r.plan.Setting.Endpoints > 1 {
			s.exile = x
			x.API.Refuse(x.Name+":80", true)
			return
		}
		heal(r.hurt(x, d))
		if s.exile == x {
			r.after(over, func() { x.API.Refuse(x.Name+":80", true) })
		}
	}
}

// jumps are what a wall clock may do: a correction, a leap, a mistake of an hour, and back.
var jumps = []time.Duration{-2 * time.Second, 3 * time.Second, 20 * time.Second, time.Hour, -time.Hour, -20 * time.Second}

// expel removes a dead worker's members from the group, as an operator may.
func (r *Run) expel(worker string) {
	for _, member := range r.judge.membersOf(worker) {
		q := kmsg.NewPtrLeaveGroupRequest()
		q.Group, q.MemberID = world.Group, member
		_, err := r.Ask(r.Cluster.CoordinatorFor(world.Group), q)
		r.note("%s is expelled: %v", worker, err)
	}
}

// hurt does something to one of a worker's links and returns it.
func (r *Run) hurt(x *world.Worker, d Deed) *world.Link {
	switch d.Do {
	case CutKafka:
		x.Kafka.Freeze()
	case Deaf:
		x.Kafka.FreezeWay(world.In)
	case Slow:
		x.Kafka.Slow(spread(d.Number, 0, 300*time.Millisecond), spread(d.Number/7, 0, 300*time.Millisecond))
	case Wounds:
		x.Kafka.Wound(wounds(d.Number)...)
	case Late:
		key, n := lateKeys[d.Number%len(lateKeys)], 1+d.Number/8%3
		if key != 8 && d.Number/64%2 == 0 {
			n = 100 // all, until it is over
		}
		x.Kafka.Late(key, n, spread(d.Number/32, time.Second, 9500*time.Millisecond))
		r.note("late: %s", kmsg.NameForKey(key))
	case CutAPI:
		x.API.Freeze()
		return x.API
	case DeafAPI:
		x.API.FreezeWay(world.In)
		return x.API
	case SlowAPI:
		x.API.Slow(spread(d.Number, 0, slowest), spread(d.Number/7, 0, 200*time.Millisecond))
		return x.API
	case WoundsAPI:
		x.API.Wound(wounds(d.Number)...)
		return x.API
	case Refuse:
		x.API.Refuse(x.Name+":80", true)
		return x.API
	}
	return x.Kafka
}

// slowest is by how much each write to the API may be delayed: a call is a few writes, and must be taken
// within the request time-out of its beginning.
const slowest = 30 * time.Millisecond

// lateKeys are requests that may be kept by the network: those that change something.
var lateKeys = []int16{8, 8, 8, 11, 14, 12} // OffsetCommit, JoinGroup, SyncGroup, Heartbeat

func wounds(n int) (all []world.Wound) {
	for range 1 + n%4 {
		n /= 3
		all = append(all, world.Wound{Way: world.Way(n % 2), Part: world.Part(n / 2 % 3)})
	}
	return all
}

// spread picks from a range by a number.
func spread(n int, least, most time.Duration) time.Duration {
	return least + (most-least)*time.Duration(n%1000)/1000
}
