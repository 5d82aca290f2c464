package consumer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	kafka "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/consumer/internal/offsets"
	"roomrelay/event"
	"roomrelay/internal/fetch"
)

const topic, groupID = "chat", "g"

// rig is an embedded broker, on a network of the bubble's own.
type rig struct {
	*kfake.Cluster
	t         *testing.T
	net       kfake.VirtualNetwork
	transport *kafka.Transport // the test's own
	client    *kafka.Client
}

func newRig(t *testing.T, opts ...kfake.Opt) *rig {
	t.Helper()
	g := &rig{t: t}
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.ListenFn(g.net.Listen)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	g.Cluster = c
	g.transport = &kafka.Transport{Dial: g.net.DialContext, MetadataTTL: time.Second}
	g.client = &kafka.Client{Addr: kafka.TCP(c.ListenAddrs()...), Transport: g.transport, Timeout: 10 * time.Second}
	t.Cleanup(func() {
		g.transport.CloseIdleConnections()
		c.Close()
	})
	return g
}

// publish appends n records to a partition.
func (g *rig) publish(partition, n int) {
	g.t.Helper()
	records := make([]kafka.Record, n)
	for i := range records {
		records[i] = kafka.Record{Key: kafka.NewBytes([]byte("1")), Value: kafka.NewBytes(fmt.Appendf(nil, "value %d", i))}
	}
	g.append(partition, records...)
}

func (g *rig) append(partition int, records ...kafka.Record) {
	g.t.Helper()
	await(g.t, "publishing", 5*time.Second, func() bool {
		answer, err := g.client.Produce(g.t.Context(), &kafka.ProduceRequest{
			Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
		})
		if err == nil {
			err = answer.Error
		}
		if err != nil && !errors.Is(err, kafka.NotLeaderForPartition) { // the test's own view of leaders is a second old at most
			g.t.Fatalf("publishing: %v", err)
		}
		return err == nil
	})
}

// stored is the partition's commit.
func (g *rig) stored(partition int32) (c kfake.GroupCommit, meta *offsets.Meta) {
	info := g.GroupInfo(groupID)
	if info == nil {
		return kfake.GroupCommit{Offset: -1}, nil
	}
	c, ok := info.Commits[topic][partition]
	if !ok {
		return kfake.GroupCommit{Offset: -1}, nil
	}
	meta, _ = offsets.Decode(c.Metadata, c.Offset)
	return c, meta
}

// control lets f see every request of a kind; its answer, if any, is what the client gets.
func (g *rig) control(key kmsg.Key, f func(kmsg.Request) (kmsg.Response, error, bool)) {
	g.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
		g.KeepControl()
		return f(r)
	})
}

// swallow leaves requests of a kind unanswered while it is true.
func (g *rig) swallow(key kmsg.Key) *atomic.Bool {
	on := &atomic.Bool{}
	on.Store(true)
	g.control(key, func(kmsg.Request) (kmsg.Response, error, bool) { return nil, nil, on.Load() })
	return on
}

// commits notes who commits; the function it returns tells the members that committed a partition, in
// turn: one that comes back counts again.
func (g *rig) commits() func(partition int32) []string {
	var mu sync.Mutex
	by := map[int32][]string{}
	g.control(kmsg.OffsetCommit, func(req kmsg.Request) (kmsg.Response, error, bool) {
		mu.Lock()
		defer mu.Unlock()
		r := req.(*kmsg.OffsetCommitRequest)
		for _, x := range r.Topics {
			for _, p := range x.Partitions {
				by[p.Partition] = slices.Compact(append(by[p.Partition], r.MemberID))
			}
		}
		return nil, nil, false
	})
	return func(partition int32) []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(by[partition])
	}
}

func await(t *testing.T, what string, limit time.Duration, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v still not: %s", limit, what)
		}
	}
}

// worker is a Consumer with a double of the wiring, which settles what it gets unless it is told to hold
// on. It checks what holds at any time.
type worker struct {
	*Consumer
	g      *rig
	t      *testing.T
	cancel context.CancelFunc
	err    error // of Run
	done   chan struct{}
	link   *link

	mu      sync.Mutex
	hold    bool // settles nothing
	mute    bool // answers no Revoking
	got     []event.Record
	open    map[int32][]event.Record // not settled
	epochs  map[int32]uint64
	notices []Notice // without Records
	denied  int      // Begin that said no
}

func (g *rig) start(change ...func(*Config)) *worker {
	g.t.Helper()
	return g.run(false, change)
}

// holding starts a worker that settles nothing from the first record on.
func (g *rig) holding(change ...func(*Config)) *worker {
	g.t.Helper()
	return g.run(true, change)
}

func (g *rig) run(hold bool, change []func(*Config)) *worker {
	g.t.Helper()
	w := &worker{g: g, t: g.t, hold: hold, done: make(chan struct{}), open: map[int32][]event.Record{}, epochs: map[int32]uint64{}, link: &link{dial: g.net.DialContext}}
	log := zerolog.Nop()
	if testing.Verbose() {
		log = zerolog.New(zerolog.NewTestWriter(g.t)).With().Timestamp().Logger()
	}
	transport := &kafka.Transport{Dial: w.link.Dial, MetadataTTL: time.Second, MetadataTopics: []string{topic}}
	cfg := Config{
		Transport: transport, Addr: g.client.Addr, Topic: topic, Group: groupID, ClientID: "test",
		SessionTimeout: 45 * time.Second, RebalanceTimeout: 60 * time.Second, RequestTimeout: 5 * time.Second, Lease: 15 * time.Second,
		CommitEvery: time.Second, MaxEvents: 50_000, MaxBytes: 64 << 20, Fresh: true, Notify: w.notify, Log: log,
	}
	for _, f := range change {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	w.Consumer = c
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go func() {
		defer close(w.done)
		w.err = c.Run(ctx)
	}()
	g.t.Cleanup(func() {
		cancel()
		<-w.done
		transport.CloseIdleConnections()
	})
	return w
}

func (w *worker) muted() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mute = true
}

func (w *worker) notify(n Notice) {
	var limit int64 = -1
	if n.Kind == Records {
		if _, meta := w.g.stored(n.Partition); meta != nil {
			limit = meta.SentTo
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	epoch, held := w.epochs[n.Partition]
	switch n.Kind {
	case Assigned:
		if held {
			w.t.Errorf("partition %d assigned under epoch %d while epoch %d holds", n.Partition, n.Epoch, epoch)
		}
		w.epochs[n.Partition] = n.Epoch
	default:
		if !held || epoch != n.Epoch {
			w.t.Errorf("notice %d of partition %d under epoch %d, which holds: %v", n.Kind, n.Partition, n.Epoch, held)
		}
	}
	switch n.Kind {
	case Records:
		for i := range n.Records {
			w.arrived(&n.Records[i], limit)
		}
		return
	case Revoking:
		if !w.mute {
			delete(w.epochs, n.Partition)
			delete(w.open, n.Partition)
			w.Drained(n.Partition, n.Epoch)
		}
	case Lost:
		delete(w.epochs, n.Partition)
		delete(w.open, n.Partition)
	}
	w.notices = append(w.notices, n)
}

func (w *worker) arrived(r *event.Record, limit int64) {
	if r.Offset >= limit {
		w.t.Errorf("offset %d of partition %d handed out, but the stored commit announces no more than %d", r.Offset, r.Partition, limit)
	}
	if r.Value == nil || r.Arrived.IsZero() || r.Bytes < recordOverhead {
		w.t.Errorf("incomplete record %+v", r)
	}
	if open := w.open[r.Partition]; len(open) > 0 && open[len(open)-1].Offset >= r.Offset {
		w.t.Errorf("offset %d handed out after %d", r.Offset, open[len(open)-1].Offset)
	}
	w.got = append(w.got, *r)
	if w.hold {
		w.open[r.Partition] = append(w.open[r.Partition], *r)
		return
	}
	w.settleOne(r)
}

func (w *worker) settleOne(r *event.Record) {
	if !w.Begin(r) {
		w.denied++
		w.open[r.Partition] = append(w.open[r.Partition], *r)
		return
	}
	w.Settle(r)
}

// release settles what was held, and from now on at once.
func (w *worker) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold = false
	for _, list := range w.open {
		for i := range list {
			w.settleOne(&list[i])
		}
	}
	clear(w.open)
}

// send begins an attempt for every record that is held; it says for how many that was allowed.
func (w *worker) send() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, list := range w.open {
		for i := range list {
			if w.Begin(&list[i]) {
				n++
			}
		}
	}
	return n
}

func (w *worker) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got)
}

func (w *worker) records() []event.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

func (w *worker) holds() map[int32]uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.epochs)
}

func (w *worker) noticed(k Kind) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.notices {
		if x.Kind == k {
			n++
		}
	}
	return n
}

// patience covers the end of a dead member's session, for which a join waits.
const patience = 90 * time.Second

func (w *worker) awaitRecords(n int) {
	w.t.Helper()
	await(w.t, fmt.Sprint(n, " records handed out"), patience, func() bool { return w.count() >= n })
}

func (w *worker) awaitReady() {
	w.t.Helper()
	await(w.t, "ready", patience, func() bool { return w.Ready() == nil })
}

// stop drains.
func (w *worker) stop() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	if err := w.Drain(ctx); err != nil {
		w.t.Fatal(err)
	}
	<-w.done
	if w.err != nil {
		w.t.Fatalf("ended with %v", w.err)
	}
}

// kill ends the worker as kill -9 would: nothing of it reaches the broker any more.
func (w *worker) kill() {
	w.link.set(true, true)
	w.cancel()
	<-w.done
}

func seeded(partitions int32) kfake.Opt { return kfake.SeedTopics(partitions, topic) }

func notFresh(c *Config) { c.Fresh = false }

func named(id string) func(*Config) { return func(c *Config) { c.InstanceID = id } }

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

// faultOnce answers the next request of a kind with an error.
func faultOnce(key kmsg.Key, name string) kfake.Fault {
	for _, e := range []*kerr.Error{kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.CoordinatorNotAvailable} {
		if e.Message == name {
			return kfake.Fault{Keys: []kmsg.Key{key}, TopLevel: true, Err: e, Count: 1}
		}
	}
	panic(name)
}

func (w *worker) topicID() fetch.TopicID {
	id, _ := w.member.TopicID()
	return id
}
