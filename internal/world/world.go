// Package world puts a whole roomrelay into one test: a real Kafka protocol (kfake), the API simulator
// over real HTTP, and any number of whole workers, joined by in-memory networks, so that in a
// testing/synctest bubble minutes pass in milliseconds.
//
// It promises that nothing of a worker is stubbed, and that what it tells of the outside (what rooms were
// shown, calls, commits, letters) is what a user of Kafka and of the API could see.
//
// It is for tests only.
package world

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"roomrelay/batcher"
	"roomrelay/consumer"
	"roomrelay/deadletter"
	"roomrelay/internal/imsim"
	"roomrelay/internal/relay"
	"roomrelay/sender"
)

// What every world is called by.
const (
	Topic   = "chat"
	Letters = "dlq.chat"
	Group   = "roomrelay"
	key     = "key"
	secret  = "a-secret-that-must-not-be-seen"
)

// Config of a World.
type Config struct {
	Partitions int  // default 1
	Brokers    int  // default 1
	Forgetful  bool // the API checks msgIds only of messages that say that they are resent
	Rate       int  // the API's quota of calls a second; 0: none
	Faults     *imsim.Faults
	Latency    imsim.Latency    // of the API
	Keep       imsim.Keep       // what the API remembers of messages
	OnArrival  func(imsim.Call) // as of imsim.Config; Host is the worker's Name
	OnCall     func(imsim.Call) // likewise
	// Tap sees every request of a worker to Kafka before it goes out, on the worker's own goroutine.
	Tap func(*Worker, Frame)
	// Answers is told of every answer of Kafka that a worker has got, and when it had asked.
	Answers func(*Worker, Frame, time.Time)
	// Writes is told of every write of a worker to the API before anything holds it up.
	Writes func(*Worker)
	// Relay changes a worker's configuration from the defaults of the design.
	Relay func(*relay.Config)
	// Loopback puts real sockets in the place of in-memory networks, for benchmarks. Not in a bubble.
	Loopback bool
	// Broker adds options of the embedded broker.
	Broker []kfake.Opt
}

// World is one broker, one API, and workers.
type World struct {
	T       testing.TB
	Cluster *kfake.Cluster
	Sim     *imsim.Sim

	cfg     Config
	dial    func(context.Context, string, string) (net.Conn, error)
	listen  func(network, addr string) (net.Listener, error)
	apiAddr string
	server  *http.Server
	api     *api
	client  *kafka.Transport // the test's own way to Kafka
	workers []*Worker
	served  sync.WaitGroup
}

// New makes a world without workers. It ends with the test; in a bubble call Close at its end.
func New(t testing.TB, cfg Config) *World {
	t.Helper()
	cfg.Partitions = max(cfg.Partitions, 1)
	w := &World{T: t, cfg: cfg}
	cluster, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(max(cfg.Brokers, 1)),
		kfake.SeedTopics(int32(cfg.Partitions), Topic, Letters),
	}, append(w.connect(), cfg.Broker...)...)...)
	if err != nil {
		t.Fatalf("starting the embedded broker: %v", err)
	}
	w.Cluster = cluster
	w.client = &kafka.Transport{Dial: w.dial, MetadataTTL: time.Second, MetadataTopics: []string{Topic, Letters}}
	w.Sim = imsim.New(imsim.Config{AppKey: key, AppSecret: secret, Rate: cfg.Rate, Forgetful: cfg.Forgetful, Faults: cfg.Faults, Latency: cfg.Latency, Keep: cfg.Keep, OnArrival: cfg.OnArrival, OnCall: cfg.OnCall, Seed: 1})
	w.api = &api{sim: w.Sim, closed: make(chan struct{})}
	w.server = &http.Server{Handler: w.api}
	if cfg.Loopback {
		w.server.Handler = w.Sim // nothing between, so that nothing else is measured
	}
	listener, err := w.listen("tcp", w.apiAddr)
	if err != nil {
		t.Fatalf("listening for the API: %v", err)
	}
	w.apiAddr = listener.Addr().String()
	w.served.Go(func() { _ = w.server.Serve(listener) })
	return w
}

// connect chooses the network, and says what the broker must know of it.
func (w *World) connect() []kfake.Opt {
	if w.cfg.Loopback {
		w.dial, w.listen, w.apiAddr = (&net.Dialer{}).DialContext, net.Listen, "127.0.0.1:0"
		return nil
	}
	network := &kfake.VirtualNetwork{}
	w.dial, w.listen, w.apiAddr = network.DialContext, network.Listen, "localhost:80"
	return []kfake.Opt{kfake.ListenFn(network.Listen), kfake.Ports(w.ports()...)}
}

func (w *World) ports() []int {
	ports := make([]int, max(w.cfg.Brokers, 1))
	for i := range ports {
		ports[i] = 9092 + i
	}
	return ports
}

// Close ends workers, API and broker.
func (w *World) Close() {
	for _, x := range w.workers {
		x.Kill()
	}
	w.client.CloseIdleConnections()
	close(w.api.closed)
	w.Sim.Close()
	_ = w.server.Close()
	w.served.Wait()
	w.Cluster.Close()
}

// addr is the brokers, as a client is configured with them.
func (w *World) addr() net.Addr { return kafka.TCP(w.Cluster.ListenAddrs()...) }

// Await lets time pass until cond holds, and fails the test if it doesn't within limit.
func (w *World) Await(what string, limit time.Duration, cond func() bool) {
	w.T.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.T.Fatalf("after %v still not: %s", limit, what)
		}
	}
}

// Worker is one whole relay behind links of its own.
type Worker struct {
	Name  string // by which it calls the API: the Host of its calls
	Relay *relay.Relay
	Kafka *Link // to the brokers
	API   *Link

	err       chan error
	stop      context.CancelFunc
	once      sync.Once
	out       error // what Run returned; written once
	transport *kafka.Transport
}

// Start runs a worker. adjust may be nil; it comes after Config.Relay.
func (w *World) Start(adjust func(*relay.Config)) *Worker {
	w.T.Helper()
	x := &Worker{Name: fmt.Sprint("w", len(w.workers)), Kafka: newLink(w.dial), API: newLink(w.toAPI), err: make(chan error, 1)}
	x.Kafka.world, x.API.world = w.api.closed, w.api.closed
	if w.cfg.Tap != nil {
		x.Kafka.tap = func(f Frame) { w.cfg.Tap(x, f) }
	}
	if w.cfg.Answers != nil {
		x.Kafka.answers = func(f Frame, asked time.Time) { w.cfg.Answers(x, f, asked) }
	}
	if w.cfg.Writes != nil {
		x.API.writes = func() { w.cfg.Writes(x) }
	}
	x.transport = &kafka.Transport{Dial: x.Kafka.Dial, DialTimeout: 3 * time.Second, MetadataTTL: time.Second, MetadataTopics: []string{Topic, Letters}, ClientID: "test"}
	cfg := w.defaults(x)
	if w.cfg.Relay != nil {
		w.cfg.Relay(&cfg)
	}
	if adjust != nil {
		adjust(&cfg)
	}
	// A call is taken within the request time-out of its beginning or never: that is what the rules are
	// built on, and no worker can do anything about one that is kept on its way for longer.
	x.API.brittle = cfg.Sender.RequestTimeout
	r, err := relay.New(cfg)
	if err != nil {
		w.T.Fatalf("making a worker: %v", err)
	}
	x.Relay = r
	ctx, stop := context.WithCancel(context.Background())
	x.stop = stop
	go func() { x.err <- r.Run(ctx) }()
	w.workers = append(w.workers, x)
	return x
}

// toAPI reaches the API under whatever name a worker calls it, so that each can call it by its own.
func (w *World) toAPI(ctx context.Context, network, addr string) (net.Conn, error) {
	if host, _, _ := net.SplitHostPort(addr); host != "localhost" {
		addr = w.apiAddr
	}
	return w.dial(ctx, network, addr)
}

// defaults are those of the design, but for the rate, which few tests are about.
func (w *World) defaults(x *Worker) relay.Config {
	log := zerolog.Nop()
	if testing.Verbose() {
		log = zerolog.New(zerolog.ConsoleWriter{Out: w.T.Output(), NoColor: true, TimeFormat: "04:05.000"}).With().Timestamp().Str("worker", x.Name).Logger()
	}
	return relay.Config{
		Consumer: consumer.Config{
			Transport: x.transport, Addr: w.addr(), Topic: Topic, Group: Group, ClientID: "test",
			SessionTimeout: 45 * time.Second, RebalanceTimeout: 60 * time.Second, RequestTimeout: 5 * time.Second, Lease: 15 * time.Second,
			CommitEvery: time.Second, MaxEvents: 50_000, MaxBytes: 64 << 20, Fresh: true, Log: log,
		},
		Batcher: batcher.Config{Window: 100 * time.Millisecond, MaxBatch: 10, MaxBytes: 512 << 10, Slots: 64},
		Sender: sender.Config{
			Endpoints: []string{"http://" + x.Name}, AppKey: key, AppSecret: secret, RequestTimeout: 5 * time.Second,
			RetryInitial: 200 * time.Millisecond, RetryMax: 30 * time.Second, GiveUpAfter: 5 * time.Minute,
			MaxInFlight: 64, Dial: x.API.Dial, Log: log,
		},
		DeadLetter: deadletter.Config{
			Transport: x.transport, Addr: w.addr(), Topic: Letters, SourceTopic: Topic, Group: Group,
			RequestTimeout: 5 * time.Second, RetryInitial: 200 * time.Millisecond, RetryMax: 30 * time.Second, Log: log,
		},
		DrainTimeout: 20 * time.Second,
		Log:          log,
	}
}

// Stop drains the worker and returns what Run said.
func (x *Worker) Stop() error {
	x.once.Do(func() {
		x.stop()
		x.end()
	})
	return x.out
}

// Kill ends the worker as kill -9 would: from now on nothing it does reaches anybody.
func (x *Worker) Kill() {
	x.once.Do(func() {
		x.Kafka.Cut()
		x.API.Cut()
		x.Relay.Kill()
		x.end()
		x.stop()
	})
}

func (x *Worker) end() {
	x.out = <-x.err
	x.Kafka.Cut()
	x.API.Cut()
	x.transport.CloseIdleConnections()
}

// Ended is what Run returned, if it has.
func (x *Worker) Ended() (error, bool) {
	select {
	case err := <-x.err:
		x.err <- err
		return err, true
	default:
		return nil, false
	}
}

func (x *Worker) String() string { return fmt.Sprintf("%+v", x.Relay.Stats()) }
