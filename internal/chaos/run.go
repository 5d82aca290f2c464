package chaos

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"roomrelay/internal/imsim"
	"roomrelay/internal/relay"
	"roomrelay/internal/world"
)

// Run is a plan that is played. Its goroutine alone plays; only calls, requests and notes come from others.
type Run struct {
	*world.World
	plan    *Plan
	judge   *judge
	cover   *coverage
	sweeper *sweeper
	laggard *laggard
	began   time.Time
	seats   []*seat
	later   []due
	stops   sync.WaitGroup
	faults  []*kfake.FaultHandle
	uneasy  atomic.Int64 // until when brokers misbehave, in nanoseconds of the world
	grown   []int        // partitions that were added
	extras  int          // messages beyond the plan's
	healthy bool

	mu    sync.Mutex // guards the fields below
	notes []string
	crew  map[string]member // everybody who ever sat down, by name
}

// seat is a worker's place: who sits in it may change.
type seat struct {
	worker *world.Worker
	name   string
	turn   int    // of the instance id
	busy   bool   // frozen, or empty
	wall   *clock // of who sits there
	fresh  bool
	exile  *world.Worker // to whom the main endpoint stays closed
}

type due struct {
	at time.Duration
	do func()
}

// apart is how long the API takes for a call at least. It lets no two calls end at one instant, in an order that
// nobody could tell, and calls be on their way together.
var apart = imsim.Latency{Min: instant / 10, Max: instant * 9 / 10}

// Play plays a plan, in a bubble, and says what was wrong in it.
func Play(t testing.TB, p *Plan) *Report {
	r := &Run{plan: p, began: time.Now(), cover: newCoverage(), crew: map[string]member{}}
	r.judge = newJudge(r)
	r.World = world.New(t, world.Config{
		Partitions: p.Setting.Partitions, Brokers: p.Setting.Brokers, Forgetful: true, Rate: p.Setting.Rate * 10 / 9, Latency: apart,
		Relay: p.configure, OnArrival: r.judge.arrived, OnCall: r.judge.ended, Tap: r.judge.asked, Answers: r.judge.answered, Writes: r.judge.written,
	})
	defer r.Close()
	r.sweeper, r.laggard = newSweeper(r), newLaggard(r)
	for range p.Setting.Workers {
		s := r.newSeat()
		s.fresh = p.Setting.Fresh
		r.sit(s, false)
	}
	if p.Setting.SmallLetters {
		r.limitLetters()
	}
	if p.Setting.SmallMeta {
		r.limitMeta()
	}
	r.Sim.SetFaults(p.faults(false))
	r.live()
	r.heal()
	r.settle()
	r.calm()
	r.stops.Wait()
	r.inspect()
	r.judge.close()
	return r.report()
}

func (r *Run) now() time.Duration { return time.Since(r.began) }

func (r *Run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf("%8.3fs %s", r.now().Seconds(), fmt.Sprintf(format, args...)))
}

// live lets writes and deeds come in their time.
func (r *Run) live() {
	for _, b := range r.plan.Bursts {
		for _, w := range b {
			r.after(w.At, func() { r.write(w) })
		}
	}
	for _, d := range r.plan.Deeds {
		if d.Do == Rehash {
			r.after(max(0, d.At-spread(d.Number, 0, longestBehind)), r.laggard.fall)
		}
		r.after(d.At, func() { r.happen(d) })
	}
	for t := time.Duration(0); t < r.plan.Length; t += 2 * time.Second {
		r.after(t, r.look)
	}
	r.pass()
}

// look is what is done now and then.
func (r *Run) look() {
	r.states("while all goes on")
	r.judge.sample()
	r.sweeper.sweep()
	for i, s := range r.seats {
		if err, ended := s.worker.Ended(); ended && !s.busy {
			if r.endedWell(err) {
				r.note("worker in seat %d has ended: %v", i, err)
			} else {
				r.judge.violate("alive", "worker %s in seat %d has ended: %v", "", s.worker.Name, i, err)
			}
			r.sit(s, true)
		}
	}
}

// endedWell says that a worker may end with this error by itself: another one has taken its instance id.
func (r *Run) endedWell(err error) bool {
	return err != nil && strings.Contains(err.Error(), "instance-id") && r.plan.Setting.Static
}

// pass does all that is due later, in order.
func (r *Run) pass() {
	for len(r.later) > 0 {
		next := r.later[0]
		r.later = r.later[1:]
		time.Sleep(next.at - r.now())
		next.do()
	}
}

func (r *Run) after(at time.Duration, do func()) {
	i, _ := slices.BinarySearchFunc(r.later, at, func(d due, at time.Duration) int {
		if d.at <= at {
			return -1
		}
		return 1
	})
	r.later = slices.Insert(r.later, i, due{at, do})
}

func (r *Run) newSeat() *seat {
	s := &seat{name: fmt.Sprint("seat", len(r.seats))}
	r.seats = append(r.seats, s)
	return s
}

// sit lets a new worker take the seat; anew: under another instance id.
func (r *Run) sit(s *seat, anew bool) {
	if anew {
		s.turn++
	}
	s.busy = false
	s.wall = &clock{}
	instance, wall, fresh := "", s.wall, s.fresh
	if r.plan.Setting.Static {
		instance = fmt.Sprintf("%s-%d", s.name, s.turn)
	}
	r.mu.Lock() // nobody asks who it is before it is entered
	s.worker = r.Start(func(c *relay.Config) {
		c.Consumer.InstanceID, c.Consumer.Fresh = instance, fresh
		c.Consumer.Wall, c.Sender.Wall = wall.now, wall.now
		if r.plan.Setting.Endpoints > 1 {
			c.Sender.Endpoints = append(c.Sender.Endpoints, strings.Replace(c.Sender.Endpoints[0], "//", "//backup.", 1))
		}
	})
	for name, m := range r.crew {
		_, ended := m.worker.Ended()
		if instance != "" && m.instance == instance && (m.displaced.IsZero() || !ended) { // it may have come back since
			m.displaced = time.Now()
			r.crew[name] = m
		}
	}
	r.crew[s.worker.Name] = member{worker: s.worker, instance: instance, wall: wall}
	r.mu.Unlock()
	s.fresh = false
	r.note("%s-%d: %s starts", s.name, s.turn, s.worker.Name)
}

// slack is by how much a link may delay what a worker sends to the API.
func (r *Run) slack() time.Duration {
	if r.plan.does(SlowAPI) {
		return 150 * time.Millisecond
	}
	return 0
}

// stop holds a worker to I8.
func (r *Run) stop(x *world.Worker) {
	begun, calm := time.Now(), r.atEase(x.Name) // its links are cut when it has ended
	err := x.Stop()
	if took := time.Since(begun); took > drainTimeout+100*time.Millisecond {
		r.judge.violate("I8", "the stop of %s took %v", "", x.Name, took)
	}
	switch {
	case err == nil:
		r.cover.seen("end", "clean")
		if calm && r.now() > time.Duration(r.uneasy.Load()) {
			r.judge.stopped(x.Name)
		}
	case strings.Contains(err.Error(), "drain time-out"):
		r.cover.seen("end", "cut by the drain time-out")
	case !r.endedWell(err):
		r.judge.violate("I8", "stopping %s: %v", "", x.Name, err)
	}
	r.note("%s has stopped: %v", x.Name, err)
}

// write publishes one record. The judge knows of it before anybody can read it.
func (r *Run) write(w Write) {
	x := r.judge.publish(w, r.owed(w.Partition))
	var got int64
	var err error
	for range 50 {
		record := kafka.Record{Key: kafka.NewBytes([]byte(w.Key)), Time: time.Now().Add(-w.Old), Headers: w.Headers}
		if w.Value != nil {
			record.Value = kafka.NewBytes(w.Value)
		}
		if got, err = r.Produce(w.Partition, record); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond) // its leader has moved, or it is new: nothing was appended
	}
	if err != nil {
		r.T.Fatalf("publishing to partition %d: %v", w.Partition, err)
	}
	if err := r.judge.standsAt(x, got); err != nil {
		r.T.Fatalf("published at %d of partition %d: %v", got, w.Partition, err)
	}
}

// owed says that what is published now must come to an end: with auto-offset-reset latest, only what comes
// when a position is committed, or when its owner says that it is ready.
func (r *Run) owed(partition int) bool {
	if !r.plan.Setting.Latest {
		return true
	}
	if offset, _ := r.Committed(partition); offset >= 0 {
		log := r.Cluster.PartitionInfo(world.Topic, int32(partition))
		return offset >= log.LogStartOffset && offset <= log.HighWatermark
	}
	if partition >= r.plan.Setting.Partitions {
		return false // nobody can say yet that it knows of it
	}
	name := r.judge.ownerOf(int32(partition))
	for _, s := range r.seats {
		if _, ended := s.worker.Ended(); s.worker.Name == name && !ended && !s.busy {
			return s.worker.Relay.Ready() == nil
		}
	}
	return false
}

// atEase says that no broker has misbehaved for a while, and that the worker's links were sound.
func (r *Run) atEase(worker string) bool {
	const calm = 10 * time.Second
	x := r.worker(worker)
	for _, l := range []*world.Link{x.Kafka, x.API} {
		if since, sound := l.SoundSince(); !sound || !since.IsZero() && time.Since(since) < calm {
			return false
		}
	}
	return r.now() > time.Duration(r.uneasy.Load())+calm
}

// upset notes that brokers misbehave until then.
func (r *Run) upset(until time.Duration) {
	r.uneasy.Store(max(r.uneasy.Load(), int64(until)))
}

// heal ends every fault. A seat that is empty is taken.
func (r *Run) heal() {
	r.pass()
	for _, f := range r.faults {
		f.Remove()
	}
	for _, m := range r.alive() { // one whose seat another has taken may have its instance id again
		m.worker.Kafka.Heal()
		m.worker.API.Heal()
		m.wall.mend()
	}
	for _, s := range r.seats {
		if s.exile == s.worker {
			s.worker.API.Refuse(s.worker.Name+":80", true)
		}
	}
	r.Sim.SetFaults(r.plan.faults(true))
	r.healthy = true
	r.note("healed")
}
