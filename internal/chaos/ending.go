package chaos

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"roomrelay/batcher"
	"roomrelay/internal/imsim"
	"roomrelay/internal/world"
	"roomrelay/sender"
)

// settleWithin bounds the time from the last fault until everything is settled. What may have to pass: a
// penalty of a minute that was just begun, or a set-up's rarest probe; a session; a rebalance; a backlog
// under the quota.
const settleWithin = 3 * time.Minute

// longest is how long it may take until nothing is left.
func (r *Run) longest() time.Duration {
	calls, seconds := 2*r.judge.published(), 0                         // a message a call, and each once more because of its flag
	if rate, all := r.plan.Setting.Rate, r.partitions(); rate >= all { // all in the one partition of a worker
		seconds += calls / (rate / all)
	} else if rate > 0 {
		seconds += calls * all / rate
	}
	if pace := r.plan.Setting.RoomRate; pace > 0 { // all in one room
		seconds += calls / pace
	}
	return settleWithin + time.Duration(seconds)*time.Second
}

// settle waits until nothing is left. When nothing moves, a message to every room stands for the life that goes on: one
// that is refused says nothing while no other is answered.
func (r *Run) settle() {
	limit := r.longest()
	end := r.now() + limit
	at := int64(-1)
	for round := 0; ; round++ {
		if round == relieveAfter {
			r.relieve()
		}
		before := at
		if at = r.done(); at <= before || round == 0 {
			for _, room := range r.plan.Rooms {
				r.write(r.extra(room, r.plan.home(room), "last"))
			}
		}
		for i := range 20 {
			time.Sleep(500 * time.Millisecond)
			if i%4 == 3 {
				r.look()
			}
			if r.settled() {
				r.note("settled")
				return
			}
			if r.now() > end {
				r.judge.violate("liveness", "after %v of health not everything is settled: %s", "", limit, r.state())
				return
			}
		}
	}
}

// relieveAfter is for how many rounds of ten seconds nobody helps a worker that asks for it.
const relieveAfter = 6

// relieve restarts workers that call their set-up wrong, as does the person whom they ask to look at it, and who finds
// it right: each of their lanes has a message at its head that the API refuses for good, and they can't know that it
// would take what comes after.
func (r *Run) relieve() {
	for _, s := range r.seats {
		if hold := s.worker.Relay.Stats().Hold; hold.Cause == string(sender.WrongSetUp) && strings.Contains(hold.Why, "were all refused") {
			r.note("%s is relieved: %s", s.worker.Name, hold.Why)
			r.cover.seen("end", "restarted, since it called its set-up wrong")
			r.stop(s.worker)
			r.sit(s, false)
		}
	}
}

// state tells what the group and the workers are at.
func (r *Run) state() string {
	s := "no group"
	if info := r.Cluster.GroupInfo(world.Group); info != nil {
		s = fmt.Sprintf("group %s, %d members", info.State, len(info.Members))
	}
	for p := range r.partitions() {
		offset, _ := r.Committed(p)
		s += fmt.Sprintf("; partition %d at %d of %d", p, offset, r.end(p))
	}
	for _, x := range r.seats {
		s += fmt.Sprintf("; %s ready: %v, %v", x.worker.Name, x.worker.Relay.Ready(), x.worker)
	}
	return s
}

func (r *Run) partitions() int { return r.plan.Setting.Partitions + len(r.grown) }

func (r *Run) end(partition int) int64 {
	return r.Cluster.PartitionInfo(world.Topic, int32(partition)).HighWatermark
}

// done is how many records are committed.
func (r *Run) done() (n int64) {
	for p := range r.partitions() {
		offset, _ := r.Committed(p)
		n += max(0, offset)
	}
	return n
}

func (r *Run) settled() bool {
	for p := range r.partitions() {
		if offset, _ := r.Committed(p); offset < r.end(p) {
			return false
		}
	}
	return true
}

// extra is a message beyond the plan's.
func (r *Run) extra(room int64, partition int, kind string) Write {
	r.extras++
	e := Event{Room: room, Sender: kind, ID: fmt.Sprintf("%s-%d", kind, r.extras), Attach: kind, Valid: true}
	value, _ := json.Marshal(map[string]any{"roomid": room, "fromAccid": e.Sender, "msgId": e.ID, "msgType": 0, "attach": e.Attach})
	return Write{Partition: partition, Key: strconv.FormatInt(room, 10), Value: value, Event: e}
}

// together holds the workers to the end of I9: a room's trouble is over when it is answered, and then its lanes
// don't wait for one another.
func (r *Run) together(epoch int32) {
	s := &r.plan.Setting
	if s.Ordering == batcher.ByRoom || s.Slots == 1 || s.Rate > 0 || s.RoomRate > 0 || r.held() {
		return
	}
	room := r.plan.Rooms[0]
	f := r.plan.faults(true)
	f.Rules = append(f.Rules, imsim.Rule{Do: imsim.DoLatency, Rooms: []int64{room}, Latency: imsim.Latency{Fixed: requestTimeout / 2}})
	r.Sim.SetFaults(f)
	first, second := r.extra(room, r.plan.home(room), "left"), r.extra(room, r.plan.home(room), "right")
	at := time.Now()
	r.write(first)
	r.write(second)
	time.Sleep(s.Window + 2*requestTimeout)
	if r.epoch() == epoch && epoch >= 0 && !r.held() {
		r.judge.together(first.Event, second.Event, at)
	}
}

// occupy lets a call of another room be on its way while the next messages come: no lane waits for another's
// answer. Another message of that lane comes, too; met says when it came.
func (r *Run) occupy() (call, met Event, at time.Time) {
	const busy = 900
	f := r.plan.faults(true)
	f.Rules = append(f.Rules, imsim.Rule{Do: imsim.DoLatency, Rooms: []int64{busy}, Latency: imsim.Latency{Fixed: time.Second}})
	r.Sim.SetFaults(f)
	first, second := r.extra(busy, r.plan.home(busy), "busy"), r.extra(busy, r.plan.home(busy), "busy")
	r.write(first)
	time.Sleep(r.plan.Setting.Window + 20*time.Millisecond)
	at = time.Now()
	r.write(second)
	return first.Event, second.Event, at
}

// stable waits until the group has been for as long as a takeover holds anything back, and names its
// generation.
func (r *Run) stable() (epoch int32) {
	for range 20 {
		if now := r.epoch(); now == epoch && now >= 0 {
			return epoch
		} else {
			epoch = now
		}
		time.Sleep(r.plan.Setting.Lease + requestTimeout)
	}
	return -1
}

// held says that something holds a worker's sending up: a set-up trouble stands until there is something to
// probe with.
func (r *Run) held() bool {
	return r.unanswered() || slices.ContainsFunc(r.seats, func(s *seat) bool { return s.worker.Relay.Stats().Hold.Cause != "" })
}

// unanswered says that a worker's sending may wait for a commit that wasn't answered.
func (r *Run) unanswered() bool {
	return slices.ContainsFunc(r.seats, func(s *seat) bool { return r.judge.owes(s.worker.Name) })
}

// epoch is the group's generation; -1: it is none that is at rest. Where a partition is nobody's, the group is on its
// way to the next one, though it may be held up on it.
func (r *Run) epoch() int32 {
	info := r.Cluster.GroupInfo(world.Group)
	if info == nil || info.State != "Stable" {
		return -1
	}
	for _, s := range r.seats { // kfake may call a group stable, and leave joins of its members without an answer for long
		if r.judge.joins(s.worker.Name) {
			return -1
		}
	}
	assigned := 0
	for _, m := range info.Members {
		assigned += len(m.Assignment[world.Topic])
	}
	if assigned < r.partitions() {
		return -1
	}
	return info.Epoch
}

// calm holds the workers to I11 while nothing holds anything back: two messages of a lane that come within
// one window share a call, which is made when the window ends, to the millisecond.
func (r *Run) calm() {
	if !r.settled() {
		return // that was told
	}
	for i := 0; i < 20 && r.unanswered(); i++ {
		time.Sleep(time.Second)
	}
	s := &r.plan.Setting
	epoch := r.stable()
	for i, room := range r.plan.Rooms {
		first := r.extra(room, r.plan.home(room), "calm")
		second := r.extra(room, r.plan.home(room), "calm")
		var busy func()
		if i == 0 && s.Slots > 1 {
			call, met, since := r.occupy()
			busy = func() { r.judge.behind(call, met, since) }
		}
		if r.held() {
			continue
		}
		at := time.Now()
		r.write(first)
		time.Sleep(s.Window * 6 / 10)
		r.write(second)
		time.Sleep(s.Window + requestTimeout)
		if r.epoch() == epoch && epoch >= 0 && !r.held() {
			r.judge.calm(first.Event, second.Event, at)
			if busy != nil {
				busy()
			}
		}
		if busy != nil {
			// Its calls take a slot: two of them, and as many again where its owner is in doubt of the first.
			for i := 0; i < 20 && !r.settled(); i++ {
				time.Sleep(500 * time.Millisecond)
			}
		}
		if i == 1 {
			break // two rooms tell as much as ten
		}
	}
	r.together(epoch)
	// A group that begins to rebalance just now may take a while.
	for i := range int(time.Minute / commitEvery) {
		if r.settled() {
			return
		}
		if i%4 == 3 {
			r.look()
		}
		time.Sleep(commitEvery)
	}
	r.judge.violate("liveness", "what was sent in peace isn't committed: %s", "", r.state())
}
