package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/audit"
	"roomrelay/internal/imsim"
	"roomrelay/internal/relay"
)

// Run is a plan that is played. Its goroutine alone plays; only calls and notes come from others.
type Run struct {
	*World
	plan    *Plan
	sweeper *sweeper
	began   time.Time
	seats   []*seat
	later   []due
	drawn   []audit.Event // what was published
	stops   sync.WaitGroup
	seen    []int64 // by partition: all below was found settled

	mu    sync.Mutex // guards the fields below
	calls []imsim.Call
	notes []string
	wrong []string
}

// seat is a worker's place: who sits in it may change.
type seat struct {
	worker *Worker
	name   string
	turn   int
	busy   bool // being frozen or replaced
}

type due struct {
	at time.Duration
	do func()
}

// Play plays a plan, in a bubble, and says all that was wrong in it. healed bounds the time from the last
// fault until everything must be settled.
func Play(w *World, p *Plan, r *Run, healed time.Duration) []string {
	r.World, r.plan, r.began = w, p, time.Now()
	r.seen = make([]int64, p.Partitions)
	r.sweeper = newSweeper(w)
	for i := range p.Workers {
		r.seats = append(r.seats, &seat{name: fmt.Sprint("w", i)})
		r.sit(r.seats[i])
	}
	w.Sim.SetFaults(&p.Faults)
	r.live()
	r.heal()
	r.settle(healed)
	r.stops.Wait()
	r.judge()
	return r.wrong
}

// Options is the world that a plan is played in. Its Run sees the calls.
func (p *Plan) Options() (Config, *Run) {
	r := &Run{}
	return Config{
		Partitions: p.Partitions, Brokers: p.Brokers, Forgetful: true, Rate: p.Rate * 10 / 9, Relay: p.configure, OnCall: r.hear,
	}, r
}

func (r *Run) hear(c imsim.Call) {
	c.Messages = slices.Clone(c.Messages)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

func (r *Run) now() time.Duration { return time.Since(r.began) }

func (r *Run) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf("%8.3fs %s", r.now().Seconds(), fmt.Sprintf(format, args...)))
}

func (r *Run) violate(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong = append(r.wrong, fmt.Sprintf("%.3fs: ", r.now().Seconds())+fmt.Sprintf(format, args...))
}

// live lets writes and happenings come in their time.
func (r *Run) live() {
	for _, w := range r.plan.Writes {
		r.after(w.At, func() { r.write(w) })
	}
	for _, h := range r.plan.Events {
		r.after(h.At, func() { r.happen(h) })
	}
	for t := time.Duration(0); t < r.plan.Length; t += 700 * time.Millisecond {
		r.after(t, r.sample)
	}
	r.pass()
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

func (r *Run) sit(s *seat) {
	s.busy = false
	s.worker = r.Start(func(c *relay.Config) {
		if r.plan.Static {
			c.Consumer.InstanceID = fmt.Sprintf("%s-%d", s.name, s.turn)
		}
	})
	r.note("%s-%d starts", s.name, s.turn)
}

func (r *Run) happen(h Happening) {
	r.note("%+v", h)
	s := r.seats[h.Worker%len(r.seats)]
	switch h.Do {
	case "fault", "unwritable":
		r.fault(h)
	case "move":
		topic := []string{Topic, Letters}[h.Number%2]
		_ = r.Cluster.MoveTopicPartition(topic, int32(h.Number/2%r.plan.Partitions), int32(h.Number/16%r.plan.Brokers))
	case "rehash":
		r.Cluster.RehashCoordinators()
	case "join":
		if len(r.seats) < 4 {
			s = &seat{name: fmt.Sprint("w", len(r.seats))}
			r.seats = append(r.seats, s)
			r.sit(s)
		}
	default:
		if !s.busy {
			r.befall(s, h)
		}
	}
}

// befall does to a worker what can be done to it.
func (r *Run) befall(s *seat, h Happening) {
	if h.Anew {
		s.turn++
	}
	switch back := r.now() + h.For; h.Do {
	case "kill":
		s.busy = true
		s.worker.Kill()
		r.after(back, func() { r.sit(s) })
	case "reset":
		s.worker.Kafka.Reset()
		s.worker.API.Reset()
	case "freeze":
		s.busy = true
		x := s.worker
		x.Kafka.Freeze()
		x.API.Freeze()
		r.after(back, func() { s.busy = false; x.Kafka.Thaw(); x.API.Thaw(); r.note("%s thaws", s.name) })
	case "stop":
		s.busy = true
		x := s.worker
		r.stops.Go(func() { r.stop(x) })
		r.after(back+planDrain, func() { r.sit(s) })
	}
}

// stop holds a worker to I8.
func (r *Run) stop(x *Worker) {
	begun := time.Now()
	err := x.Stop()
	if took := time.Since(begun); took > planDrain+100*time.Millisecond {
		r.violate("I8: a stop took %v", took)
	}
	if err != nil && !strings.Contains(err.Error(), "drain time-out") {
		r.violate("stopping: %v", err)
	}
	r.note("stopped: %v", err)
}

// refusals are errors that a client gets over, by what is asked.
var refusals = []struct {
	key kmsg.Key
	err []*kerr.Error
}{
	{kmsg.Fetch, []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.ReplicaNotAvailable, kerr.UnknownServerError}},
	{kmsg.OffsetCommit, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.RebalanceInProgress}},
	{kmsg.OffsetFetch, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.NotCoordinator}},
	{kmsg.JoinGroup, []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator}},
	{kmsg.SyncGroup, []*kerr.Error{kerr.RebalanceInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable}},
	{kmsg.Heartbeat, []*kerr.Error{kerr.RebalanceInProgress, kerr.NotCoordinator, kerr.CoordinatorNotAvailable, kerr.UnknownMemberID, kerr.IllegalGeneration}},
	{kmsg.FindCoordinator, []*kerr.Error{kerr.CoordinatorNotAvailable}},
	{kmsg.ListOffsets, []*kerr.Error{kerr.NotLeaderForPartition}},
}

func (r *Run) fault(h Happening) {
	f := kfake.Fault{Count: 1 + h.Number%5}
	if h.Do == "unwritable" {
		errs := []*kerr.Error{kerr.NotEnoughReplicas, kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.TopicAuthorizationFailed}
		f.Keys, f.Topic, f.Err, f.Count = []kmsg.Key{kmsg.Produce}, Letters, errs[h.Number%len(errs)], -1
	} else {
		x := refusals[h.Number%len(refusals)]
		f.Keys, f.Err = []kmsg.Key{x.key}, x.err[h.Number/8%len(x.err)]
		if f.TopLevel = true; x.key == kmsg.Fetch || x.key == kmsg.ListOffsets {
			f.Topic, f.TopLevel = Topic, false
		} else if x.key == kmsg.OffsetCommit || x.key == kmsg.OffsetFetch {
			f.TopLevel = false
		}
	}
	handle := r.Cluster.Fault(f)
	r.note("%v %v", f.Keys, f.Err)
	r.after(r.now()+h.For, handle.Remove)
}

// write publishes one record, and notes where it stands.
func (r *Run) write(x Write) {
	value, err := json.Marshal(x.Message)
	if x.Invalid {
		value = value[:len(value)/2]
	}
	client := &kafka.Client{Addr: r.addr(), Transport: r.client, Timeout: 10 * time.Second}
	var answer *kafka.ProduceResponse
	for range 50 {
		answer, err = client.Produce(context.Background(), &kafka.ProduceRequest{
			Topic: Topic, Partition: x.Partition, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(kafka.Record{Key: kafka.NewBytes(strconv.AppendInt(nil, x.Room, 10)), Value: kafka.NewBytes(value), Time: time.Now()}),
		})
		if err == nil {
			err = answer.Error
		}
		if !errors.Is(err, kafka.NotLeaderForPartition) {
			break
		}
		time.Sleep(100 * time.Millisecond) // its leader has moved: nothing was appended
	}
	if err != nil {
		r.T.Fatalf("publishing: %v", err)
	}
	r.drawn = append(r.drawn, audit.Event{
		Room: x.Room, Sender: x.Sender, MsgID: x.ID, Partition: int32(x.Partition), Offset: answer.BaseOffset,
		Valid: !x.Invalid, Refused: r.plan.Refused[x.ID],
	})
}

// heal ends every fault.
func (r *Run) heal() {
	r.Sim.SetFaults(&imsim.Faults{NeverHad: r.plan.Faults.NeverHad, Repeat: r.plan.Faults.Repeat, Rules: r.plan.Lasting})
	r.note("healed")
}

// settle writes now and then to every room, since a message that is refused stands for nothing while no
// other is answered, until nothing is left.
func (r *Run) settle(limit time.Duration) {
	for round, end := 0, r.now()+limit; ; round++ {
		if r.now() > end {
			state := "none"
			if info := r.Cluster.GroupInfo(Group); info != nil {
				state = fmt.Sprintf("%s, %d members", info.State, len(info.Members))
			}
			r.violate("after %v of health not everything is settled; group: %s", limit, state)
			return
		}
		if round < 3 {
			for _, room := range r.plan.Rooms {
				r.write(Write{Message: Message{Room: room, Sender: "last", ID: fmt.Sprintf("last-%d-%d", room, round), Partition: r.plan.home(room)}})
			}
		}
		for range 10 {
			time.Sleep(time.Second)
			r.sample()
		}
		r.sweeper.sweep()
		if round >= 3 && r.settled() {
			return
		}
	}
}

func (r *Run) settled() bool {
	for p := range r.plan.Partitions {
		if offset, _ := r.Committed(p); offset < r.Cluster.PartitionInfo(Topic, int32(p)).HighWatermark {
			return false
		}
	}
	return true
}
