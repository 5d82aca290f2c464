//go:build e2e

package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// fault is something that befalls the cluster while workers work.
type fault struct {
	name string
	// bound is how long a partition may stand still, if no other client has to wait for longer.
	bound time.Duration
	// do makes the fault and takes it back. The workers are given time to recover after it.
	do func(*testing.T, *stand)
}

// lasting are the time-outs of workers for faults of the cluster: sessions that outlast the death of a broker, as by default,
// but not by minutes.
var lasting = settings{
	"session-timeout": "12s", "rebalance-timeout": "15s", "request-timeout": "1s", "lease": "10s",
	"drain-timeout": "8s", "retry-max": "2s", "give-up-after": "5m",
}

// recovery is how long the audit waits after a fault for what it left to be felt.
const recovery = 4 * time.Second

// slack is what bounds are multiplied by where a machine may do much else beside.
const slack = 2

// Bounds: what a client of Kafka that does nothing else was measured to need (6 s of broker.session.timeout.ms and
// some hundred milliseconds; two seconds more if the controller dies), and a second more.
const (
	boundGraceful   = time.Second
	boundLeader     = 8200 * time.Millisecond
	boundController = 9600 * time.Millisecond
	boundFrozen     = 11100 * time.Millisecond
)

// boundTakeover is for workers that take a partition over at leisure: as they start and join an empty group, or since its log
// was cut below what they have read. What is in doubt then waits for a second, the request-timeout of lasting; finding out
// takes half a second as they start, and a pause between two tries or two where a new leader has to be found.
const boundTakeover = 2 * time.Second

var faults = []fault{
	{"every broker is restarted in order", boundGraceful, func(t *testing.T, s *stand) {
		for _, b := range s.cluster.brokers {
			b.stop(t)
			b.start(t)
			s.cluster.whole(t)
		}
	}},
	{"kill -9 of a leader that isn't the controller", boundLeader, func(t *testing.T, s *stand) {
		s.outage(t, s.other(t, s.cluster.controller(t)))
	}},
	{"kill -9 of the group's coordinator", boundController, func(t *testing.T, s *stand) {
		s.outage(t, s.cluster.coordinator(t, s.group))
	}},
	{"kill -9 of the active controller", boundController, func(t *testing.T, s *stand) {
		s.outage(t, s.cluster.controller(t))
	}},
	{"a leader is frozen for 20 s", boundFrozen, func(t *testing.T, s *stand) {
		b := s.cluster.broker(t, s.other(t, s.cluster.controller(t)))
		b.freeze(t)
		wait(t, 20*time.Second)
		b.thaw(t)
	}},
	{"two of three are down for 20 s", 20*time.Second + boundController, func(t *testing.T, s *stand) {
		two := s.cluster.brokers[:2]
		for _, b := range two {
			b.kill(t)
		}
		wait(t, 20*time.Second)
		for _, b := range two {
			b.start(t)
		}
	}},
	{"partitions move, and are led by others", boundGraceful, func(t *testing.T, s *stand) {
		s.reassign(t)
		wait(t, 2*time.Second)
		if _, err := s.cluster.admin.ElectLeaders(t.Context(), kadm.ElectPreferredReplica, kadm.TopicsSet{}); err != nil {
			t.Fatalf("electing leaders: %v", err)
		}
	}},
}

// outage kills a broker, and starts it again when the others have taken over.
func (s *stand) outage(t *testing.T, id int32) {
	t.Helper()
	b := s.cluster.broker(t, id)
	b.kill(t)
	wait(t, 14*time.Second)
	b.start(t)
}

// other is a broker that leads partitions of the topic and isn't the given one.
func (s *stand) other(t *testing.T, than int32) int32 {
	t.Helper()
	for _, b := range s.cluster.brokers {
		if b.id != than && len(s.cluster.led(t, s.topic, b.id)) > 0 {
			return b.id
		}
	}
	t.Fatalf("no broker but %d leads a partition of %s", than, s.topic)
	return 0
}

// reassign gives every partition its replicas in another order, so that each prefers another leader.
func (s *stand) reassign(t *testing.T) {
	t.Helper()
	m, err := s.cluster.admin.Metadata(t.Context(), s.topic)
	if err != nil {
		t.Fatalf("asking for replicas: %v", err)
	}
	var req kadm.AlterPartitionAssignmentsReq
	for p, x := range m.Topics[s.topic].Partitions {
		req.Assign(s.topic, p, append(x.Replicas[1:len(x.Replicas):len(x.Replicas)], x.Replicas[0]))
	}
	got, err := s.cluster.admin.AlterPartitionAssignments(t.Context(), req)
	if err == nil {
		err = got.Error()
	}
	if err != nil {
		t.Fatalf("reassigning partitions: %v", err)
	}
}

// The cluster misbehaves in one way after another, while three workers work. They go on by themselves, nobody joins
// anew, and every audit holds.
func TestTheClusterMisbehaves(t *testing.T) {
	c := breakable(t)
	s := newStand(t, c, plan{settings: lasting})
	team := newCrew(t, s, 3, false)
	s.balanced(t, 3)
	for _, x := range faults {
		t.Run(x.name, func(t *testing.T) {
			commits := watchCommits(t, s)
			s.producer.start()
			f := figures{witness: callWitness(t, s)}
			if x.bound == boundGraceful {
				f.since = sinceAck
			}
			wait(t, 2*time.Second)
			began := time.Now()
			f.begin()
			x.do(t, s)
			wait(t, recovery)
			f.end()
			c.whole(t)
			r := s.close(t)
			commits.close(t)
			f.tell(t, r, x.name, x.bound)
			for _, w := range team.at {
				if err := w.ended(); err != nil {
					t.Error(err)
				}
				if l, again := w.logged("joined", began); again {
					t.Errorf("%s had to join anew: %s", w.name, strings.TrimSpace(l.raw))
				}
			}
		})
	}
	team.stopAll(t)
}

// only is the settings with which a worker knows a single broker.
func only(b *broker) settings { return settings{"brokers": b.addr} }

// A worker that knows one broker alone stands still while that one is away, and goes on by itself (I10).
func TestTheOnlyKnownBrokerIsAway(t *testing.T) {
	const away = 60 * time.Second
	c := breakable(t)
	s := newStand(t, c, plan{settings: lasting.with(only(c.brokers[0]))})
	team := newCrew(t, s, 2, false)
	s.producer.start()
	wait(t, 2*time.Second)
	var f figures
	f.begin()
	c.brokers[0].kill(t)
	wait(t, away)
	for i, w := range team.at {
		if status, text := w.ask("/readyz"); status == 200 {
			t.Errorf("worker %d says that it is ready: %s", i, text)
		}
	}
	c.brokers[0].start(t)
	// It is back within two seconds; backoffs and a rebalance come on top.
	wait(t, 15*time.Second)
	f.end()
	c.whole(t)
	r := s.close(t)
	f.tell(t, r, "the only known broker is away for "+strconv.Itoa(int(away.Seconds()))+" s", away+slack*boundController)
	team.stopAll(t)
}
