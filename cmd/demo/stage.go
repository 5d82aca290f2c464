package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"roomrelay/internal/chat"
	"roomrelay/internal/imsim"
)

// What everything is called here.
const (
	topic       = "chat"
	letterTopic = "dlq.chat"
	group       = "roomrelay"
	appKey      = "demo"
	appSecret   = "demo-secret"
	brokers     = 3
)

// stage is all that the demo sets up: brokers, API, producer, workers.
type stage struct {
	options  *options
	log      zerolog.Logger
	cluster  *kfake.Cluster
	sim      *imsim.Sim
	server   *http.Server
	apiURL   string
	kafka    *kafka.Transport // the producer's
	producer *producer
	crew     *crew
	tally    *tally
	ledger   *ledger
	cast     cast
	began    time.Time

	act       atomic.Pointer[string]
	apiClosed atomic.Bool // the API refuses connections
}

func newStage(o *options, log zerolog.Logger) (*stage, error) {
	s := &stage{options: o, log: log, tally: newTally(), ledger: newLedger(), began: time.Now()}
	s.crew = &crew{stage: s, size: o.workers}
	nothing := ""
	s.act.Store(&nothing)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.SeedTopics(int32(o.partitions), topic, letterTopic))
	if err != nil {
		return nil, fmt.Errorf("starting the embedded brokers: %w", err)
	}
	s.cluster = cluster
	s.sim = imsim.New(imsim.Config{
		AppKey: appKey, AppSecret: appSecret, Rate: quotaOf(o.rate), Latency: o.latency, Seed: o.seed,
		Forgetful: true, Keep: imsim.KeepIDs, OnCall: s.ledger.note,
	})
	server, addr, err := s.sim.Listen("127.0.0.1:0", nil)
	if err != nil {
		cluster.Close()
		return nil, fmt.Errorf("starting the simulator: %w", err)
	}
	s.server, s.apiURL = server, "http://"+addr.String()
	s.kafka = &kafka.Transport{ClientID: "producer", MetadataTTL: 200 * time.Millisecond, MetadataTopics: []string{topic}}
	s.producer = s.newProducer()
	return s, nil
}

// quotaOf is what the API allows where the workers take rate: a ninth more, as the default of 90 stays
// below the API's 100, since the API counts fixed seconds.
func quotaOf(rate float64) int {
	if rate == 0 {
		return 0
	}
	return int(rate*10/9) + 1
}

func (s *stage) newProducer() *producer {
	p := &producer{
		client: &kafka.Client{Addr: kafka.TCP(s.cluster.ListenAddrs()...), Transport: s.kafka, Timeout: 10 * time.Second},
		// As Java's default partitioner does it.
		balancer: kafka.Murmur2Balancer{Consistent: true},
		speed:    s.options.speed, refused: s.refused,
	}
	for n := range s.options.partitions {
		p.partitions = append(p.partitions, n)
	}
	return p
}

// close ends what is left. The workers must have been sent away.
func (s *stage) close() {
	s.kafka.CloseIdleConnections()
	_ = s.server.Close()
	s.sim.Close()
	s.cluster.Close()
}

// preview is how many lines are read before the first is published, to find out which rooms there are.
const preview = 2000

// run plays everything until each published record is settled. The error says what kept it from that.
func (s *stage) run(ctx context.Context, lines iter.Seq2[chat.Line, error]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next, stop := iter.Pull2(lines)
	defer stop()
	first, err := take(next, preview)
	if err != nil {
		return err
	}
	if s.options.input == "" || s.options.events > 0 {
		s.producer.total.Store(int64(s.options.events))
	}
	s.cast = castOf(first)
	if s.options.faults {
		// What is refused for good must be refused from the first call on.
		s.enter(act{name: "all is well"})
	}
	acting := make(chan struct{})
	go func() {
		defer close(acting)
		if s.options.faults {
			s.play(ctx)
		}
	}()
	working := make(chan struct{})
	go func() {
		defer close(working)
		if err := s.crew.run(ctx); err != nil {
			cancel(err)
		}
	}()
	producing := make(chan struct{})
	go func() {
		defer close(producing)
		if err := s.producer.run(ctx, chain(first, next)); err != nil {
			cancel(err)
		}
	}()
	err = s.awaitSettled(ctx)
	cancel(err)
	<-acting
	<-working
	<-producing
	return err
}

// take reads up to n lines.
func take(next func() (chat.Line, error, bool), n int) ([]chat.Line, error) {
	var lines []chat.Line
	for range n {
		l, err, ok := next()
		if !ok {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the input: %w", err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// chain is the lines that were read and those that come after them.
func chain(first []chat.Line, next func() (chat.Line, error, bool)) iter.Seq2[chat.Line, error] {
	return func(yield func(chat.Line, error) bool) {
		for _, l := range first {
			if !yield(l, nil) {
				return
			}
		}
		for {
			l, err, ok := next()
			if !ok || !yield(l, err) {
				return
			}
		}
	}
}

// settled is how many records the group's commits say are settled.
func (s *stage) settled() (n int64) {
	info := s.cluster.GroupInfo(group)
	if info == nil {
		return 0
	}
	for _, c := range info.Commits[topic] {
		n += c.Offset
	}
	return n
}

// doneShare is the share of what is to be published that was shown or is a letter; 0 while it isn't known
// how much that will be. It is ahead of what is settled: one late record holds up a commit, not the work.
func (s *stage) doneShare() float64 {
	total := s.producer.total.Load()
	if total == 0 {
		return 0
	}
	return float64(s.sim.Stats().Shown+s.tally.letters.Load()) / float64(total)
}

// stuckAfter is how long nothing may become settled before the run is called off. The longest that should
// ever happen is a quota's penalty that has grown, after a killed worker's session.
const stuckAfter = 90 * time.Second

var errStuck = errors.New("nothing has been settled any more for " + stuckAfter.String())

// awaitSettled waits until all is published and settled.
func (s *stage) awaitSettled(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	last, since := int64(-1), time.Now()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		done := s.producer.done.Load()
		settled := s.settled()
		if done && settled >= s.producer.records.Load() {
			return nil
		}
		if settled != last || !done {
			last, since = settled, time.Now()
		}
		if time.Since(since) > stuckAfter {
			in, _ := s.inside()
			return fmt.Errorf("%w; workers: %q", errStuck, in.states)
		}
		if err := s.crew.failed(); err != nil {
			return err
		}
	}
}

// byCount is the keys of counts, the largest count first and equal ones in order.
func byCount[K int64 | string](counts map[K]int) []K {
	keys := make([]K, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(x, y K) int {
		switch {
		case counts[x] != counts[y]:
			return counts[y] - counts[x]
		case x < y:
			return -1
		}
		return 1
	})
	return keys
}
