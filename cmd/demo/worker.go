package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/batcher"
	"roomrelay/consumer"
	"roomrelay/deadletter"
	"roomrelay/internal/relay"
	"roomrelay/sender"
)

// worker is one whole relay with connections of its own.
type worker struct {
	name       string
	relay      *relay.Relay
	kafka, api *wire
	transport  *kafka.Transport
	stop       context.CancelFunc // begins the drain
	once       sync.Once
	ended      chan struct{}
	err        error // why it ended; to be read after ended
}

// Times of the demo's workers. They are shorter than the defaults where somebody would have to wait: a
// killed worker's partitions are free after the session, an attempt without an answer is repeated after
// the request time-out. A give-up would be a letter that nobody refused for good, so no act lasts so long.
const (
	requestTimeout   = 2 * time.Second
	sessionTimeout   = 8 * time.Second
	rebalanceTimeout = 10 * time.Second
	lease            = 5 * time.Second
	retryInitial     = 100 * time.Millisecond
	retryMax         = time.Second
	giveUpAfter      = 2 * time.Minute
	drainTimeout     = 8 * time.Second
)

func (s *stage) newWorker(name string) (*worker, error) {
	w := &worker{name: name, kafka: newWire(nil), api: newWire(&s.apiClosed), ended: make(chan struct{})}
	w.transport = &kafka.Transport{
		Dial: w.kafka.Dial, DialTimeout: 3 * time.Second, ClientID: name,
		MetadataTTL: time.Second, MetadataTopics: []string{topic, letterTopic},
	}
	r, err := relay.New(s.relayConfig(w))
	if err != nil {
		return nil, fmt.Errorf("making worker %s: %w", name, err)
	}
	w.relay = r
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() {
		w.err = r.Run(ctx)
		w.kafka.Cut()
		w.api.Cut()
		w.transport.CloseIdleConnections()
		close(w.ended)
	}()
	return w, nil
}

func (s *stage) relayConfig(w *worker) relay.Config {
	log := s.log.With().Str("worker", w.name).Logger()
	addr := kafka.TCP(s.cluster.ListenAddrs()...)
	return relay.Config{
		Consumer: consumer.Config{
			Transport: w.transport, Addr: addr, Topic: topic, Group: group, ClientID: w.name,
			SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout, RequestTimeout: requestTimeout,
			Lease: lease, CommitEvery: time.Second, MaxEvents: 50_000, MaxBytes: 64 << 20, Fresh: true, Log: log,
		},
		Batcher: batcher.Config{
			Ordering: s.options.ordering, Window: 100 * time.Millisecond, MaxBatch: 10, MaxBytes: 512 << 10, Slots: slots,
		},
		Sender: sender.Config{
			Endpoints: []string{s.apiURL}, AppKey: appKey, AppSecret: appSecret, RequestTimeout: requestTimeout,
			RetryInitial: retryInitial, RetryMax: retryMax, GiveUpAfter: giveUpAfter, Rate: s.options.rate,
			MaxInFlight: slots, Dial: w.api.Dial, Log: log,
		},
		DeadLetter: deadletter.Config{
			Transport: w.transport, Addr: addr, Topic: letterTopic, SourceTopic: topic, Group: group,
			RequestTimeout: requestTimeout, RetryInitial: retryInitial, RetryMax: retryMax, Log: log,
		},
		DrainTimeout: drainTimeout,
		Meter:        s.tally,
		Log:          log,
	}
}

// slots are calls that a worker may have on their way at once, as by default.
const slots = 64

// kill ends the worker as kill -9 would.
func (w *worker) kill() {
	w.once.Do(func() {
		w.kafka.Cut()
		w.api.Cut()
		w.relay.Kill()
	})
	<-w.ended
	w.stop()
}

// drain ends the worker as SIGTERM would.
func (w *worker) drain() error {
	w.once.Do(w.stop)
	<-w.ended
	return w.err
}

// running says that the worker hasn't ended.
func (w *worker) running() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}
