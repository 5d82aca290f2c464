package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/bench/internal/figures"
	"roomrelay/bench/internal/traffic"
)

// stage is what the runs of a scenario share: the broker, and topics that are filled once.
type stage struct {
	watch   *watch
	layout  layout
	broker  *child // nil: somebody else's
	brokers []string
	client  *kgo.Client
	admin   *kadm.Client
	run     string // part of every name, so that benches on one cluster don't meet
	topics  []string
	count   int
	filled  map[traffic.Shape]*load
}

// load is what is on a topic, or will be.
type load struct {
	topic    string
	messages []traffic.Message
	ids      map[string]int32 // by msgId
	plan     figures.Plan
	tookFill produced
}

func newStage(ctx context.Context, w *watch, o *options, s *scenario) (*stage, error) {
	st := &stage{watch: w, layout: layoutOf(s.apart), brokers: o.brokers, filled: map[traffic.Shape]*load{}, run: fmt.Sprintf("%d-%d", os.Getpid(), time.Now().Unix())}
	if len(st.brokers) == 0 {
		var err error
		if st.broker, err = launchRole(w, "broker", st.layout.rest, struct{}{}); err != nil {
			return nil, err
		}
		said, err := hear[said](ctx, st.broker)
		if err != nil {
			st.close()
			return nil, err
		}
		st.brokers = []string{said.Addr}
	}
	var err error
	if st.client, err = kgo.NewClient(kgo.SeedBrokers(st.brokers...)); err != nil {
		st.close()
		return nil, fmt.Errorf("making a client of the broker: %w", err)
	}
	st.admin = kadm.NewClient(st.client)
	return st, nil
}

// close takes the topics back from somebody else's broker, and ends the own one.
func (st *stage) close() {
	if st.broker == nil && st.admin != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		// What can't be deleted is left for its owner, under a name that says whose it is.
		_, _ = st.admin.DeleteTopics(ctx, st.topics...)
	}
	if st.client != nil {
		st.client.Close()
	}
	if st.broker != nil {
		st.broker.kill()
	}
}

// name is a new one for a topic or a group.
func (st *stage) name() string {
	st.count++
	return fmt.Sprintf("roomrelay-bench-%s-%d", st.run, st.count)
}

func letterTopic(topic string) string { return "dlq." + topic }

// load makes the messages and an empty topic for them.
func (st *stage) load(ctx context.Context, s *scenario) (*load, error) {
	l := &load{topic: st.name(), ids: map[string]int32{}}
	var err error
	if l.messages, err = s.shape.All(); err != nil {
		return nil, err
	}
	l.plan = planOf(s, l.messages)
	for i := range l.messages {
		l.ids[l.messages[i].ID] = int32(i)
	}
	for _, topic := range []string{l.topic, letterTopic(l.topic)} {
		answer, err := st.admin.CreateTopic(ctx, int32(max(s.shape.Partitions, 1)), -1, nil, topic)
		if err = errors.Join(err, answer.Err); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return nil, fmt.Errorf("creating topic %s: %w", topic, err)
		}
		st.topics = append(st.topics, topic)
	}
	return l, nil
}

// planOf is what the figures are reckoned against.
func planOf(s *scenario, messages []traffic.Message) figures.Plan {
	byRoom := s.settings["ordering"] == "room"
	p := figures.Plan{Window: window, Batch: maxBatch}
	lanes := map[string]int32{}
	for i := range messages {
		m := &messages[i]
		lane := int32(figures.NoLane)
		if !m.Bad {
			name := fmt.Sprint(m.Room)
			if !byRoom {
				name += "/" + m.Sender
			}
			known, ok := lanes[name]
			if !ok {
				known = int32(len(lanes))
				lanes[name] = known
			}
			lane = known
		}
		p.At, p.Lane = append(p.At, m.At), append(p.Lane, lane)
		if s.aside {
			p.Aside = append(p.Aside, m.Room == traffic.HotRoom)
		}
	}
	return p
}

// filledLoad is a topic with the whole backlog, the same for every run of the scenario that reads it as a new
// group.
func (st *stage) filledLoad(ctx context.Context, s *scenario) (*load, error) {
	if l := st.filled[s.shape]; l != nil {
		return l, nil
	}
	l, err := st.load(ctx, s)
	if err != nil {
		return nil, err
	}
	if l.tookFill, err = st.fill(ctx, l.topic, s.shape, st.layout.rest, time.Now()); err != nil {
		return nil, err
	}
	st.filled[s.shape] = l
	return l, nil
}

// fill publishes a shape and waits until all is acknowledged.
func (st *stage) fill(ctx context.Context, topic string, shape traffic.Shape, cores []int, begin time.Time) (produced, error) {
	p, err := st.produce(topic, shape, cores, begin)
	if err != nil {
		return produced{}, err
	}
	defer p.kill()
	return hear[produced](ctx, p)
}

func (st *stage) produce(topic string, shape traffic.Shape, cores []int, begin time.Time) (*child, error) {
	return launchRole(st.watch, "producer", cores, producerConfig{Brokers: st.brokers, Topic: topic, Shape: shape, Begin: begin.UnixNano()})
}

// written is how many records a topic has.
func (st *stage) written(ctx context.Context, topic string) (n int64, err error) {
	ends, err := st.admin.ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return 0, fmt.Errorf("asking for the end of %s: %w", topic, err)
	}
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n, nil
}

// headerRoom is the header of a letter with the room.
const headerRoom = "roomrelay.room"

// lettersOf reads all letters of a topic and counts those of other rooms than the hot one.
func (st *stage) lettersOf(ctx context.Context, topic string) (all, elsewhere int, err error) {
	left, err := st.written(ctx, topic)
	if err != nil || left == 0 {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(st.brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return 0, 0, fmt.Errorf("making a reader of letters: %w", err)
	}
	defer client.Close()
	hot := fmt.Sprint(traffic.HotRoom)
	for int64(all) < left {
		got := client.PollFetches(ctx)
		if err := got.Err(); err != nil {
			return all, elsewhere, fmt.Errorf("reading letters: %w", err)
		}
		got.EachRecord(func(r *kgo.Record) {
			all++
			for _, h := range r.Headers {
				if strings.EqualFold(h.Key, headerRoom) && string(h.Value) != hot {
					elsewhere++
				}
			}
		})
	}
	return all, elsewhere, nil
}
