//go:build e2e

package e2e

import (
	"fmt"
	"hash/fnv"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/internal/chat"
	"roomrelay/internal/imsim"
)

// stand is one test's set-up: a topic with its dead-letter topic and a group on a cluster, a simulator, a
// producer, and the settings that its workers share.
type stand struct {
	cluster    *cluster
	topic      string
	group      string
	partitions int32
	sim        *simulator
	producer   *producer
	settings   settings

	// What the audits so far have seen.
	audited, lettersAudited ends
	linesAudited            int
}

// plan of a stand.
type plan struct {
	partitions int32   // default 6
	rate       float64 // events a second; default 150
	latency    string  // of the API; default 10ms-40ms
	bad        float64 // share of records that are no events; default 0.01
	settings   settings
	topic      map[string]*string // configs of the topic
}

// newStand sets up everything but workers. Nothing is published yet.
func newStand(t testing.TB, c *cluster, p plan) *stand {
	t.Helper()
	if p.partitions == 0 {
		p.partitions = 6
	}
	if p.rate == 0 {
		p.rate = 150
	}
	if p.latency == "" {
		p.latency = "10ms-40ms"
	}
	h := fnv.New64a()
	fmt.Fprint(h, t.Name(), run.id)
	seed := h.Sum64() >> 1
	t.Logf("seed %d", seed)
	t.Cleanup(func() { c.tell(t) })
	name := strings.ToLower(strings.NewReplacer("/", ".", " ", "-", "_", "-", ",", "").Replace(t.Name())) + "." + run.id
	s := &stand{cluster: c, topic: name, group: name, partitions: p.partitions, audited: ends{}, lettersAudited: ends{}}
	// Times are the broker's: how long workers stand still doesn't depend on when producers got through.
	configs := map[string]*string{"message.timestamp.type": new("LogAppendTime")}
	maps.Copy(configs, p.topic)
	c.createTopic(t, s.topic, s.partitions, configs)
	c.createTopic(t, s.letterTopic(), s.partitions, map[string]*string{"cleanup.policy": new("delete")})
	tr := newTraffic(seed, p.rate)
	if p.bad > 0 {
		tr.bad = p.bad
	}
	s.sim = startSimulator(t, seed, "--latency", p.latency)
	s.sim.misbehave(t, &imsim.Faults{Rules: tr.refusals})
	s.producer = newProducer(t, c, s.topic, tr)
	s.settings = settings{
		"brokers": strings.Join(c.addrs, ","), "topic": s.topic, "group": s.group, "fresh": "true",
		"api-endpoint": s.sim.url, "app-key": appKey, "app-secret": appSecret, "rate": "0",
	}.with(p.settings)
	return s
}

func (s *stand) letterTopic() string { return "dlq." + s.topic }

// misbehave adds faults of the API to its refusals.
func (s *stand) misbehave(t testing.TB, rules ...imsim.Rule) {
	t.Helper()
	s.sim.misbehave(t, &imsim.Faults{Rules: append(rules, s.producer.traffic.refusals...)})
}

// hire starts a worker with settings of its own beside those of the stand.
func (s *stand) hire(t testing.TB, name string, own settings) *worker {
	t.Helper()
	return startWorker(t, name, s.settings.with(own))
}

// hireAll starts n workers and waits until all are ready. Static ones bear their number as instance id.
func (s *stand) hireAll(t testing.TB, n int, static bool) []*worker {
	t.Helper()
	all := make([]*worker, n)
	for i := range all {
		all[i] = s.hire(t, "w"+strconv.Itoa(i), identityOf(i, static))
	}
	for _, w := range all {
		w.ready(t, time.Minute)
	}
	return all
}

func identityOf(i int, static bool) settings {
	if !static {
		return nil
	}
	return settings{"instance-id": "w" + strconv.Itoa(i)}
}

// settle waits until everything that was published is settled. A worker that has just begun makes no letter for a
// 414 before the API has taken another call: where nothing else is left, that takes more traffic, as everywhere.
func (s *stand) settle(t testing.TB, limit time.Duration) {
	t.Helper()
	const quiet = 10 * time.Second
	more := time.Now().Add(quiet)
	poll(t, limit, "everything is settled", func() (bool, string) {
		err := s.settled(t.Context())
		if err == nil {
			return true, ""
		}
		if time.Now().After(more) {
			s.producer.some(t, int(s.producer.traffic.rate/10))
			more = time.Now().Add(quiet)
		}
		return false, err.Error()
	})
}

// close stops the producer, waits until everything is settled, and makes the audit. The simulator forgets
// what it has then: whatever is sent of it later is found by the next audit as nobody's.
func (s *stand) close(t testing.TB) *report {
	t.Helper()
	s.producer.stop(t)
	s.settle(t, time.Minute)
	r := s.audit(t)
	s.sim.forget(t)
	return r
}

// numberOf is the number of the line that a record was published from: it bears it or, where a program has written it that
// isn't ours, the line's value. 0: it is of none.
func (s *stand) numberOf(r *kgo.Record) int {
	text := header(r, headerLine)
	if text == "" {
		return s.producer.numberOf(r.Value)
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return number
}

// lineOf is the line that a record was published from.
func (s *stand) lineOf(r *kgo.Record) chat.Line {
	l, _ := s.producer.line(s.numberOf(r))
	return l
}
