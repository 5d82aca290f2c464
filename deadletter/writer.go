package deadletter

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"github.com/segmentio/kafka-go"

	"roomrelay/event"
)

// Config of a Writer. Transport, Addr, the topics and Group must be set.
type Config struct {
	// Transport reaches the brokers at Addr. Topic must be among its MetadataTopics, or these be empty.
	Transport kafka.RoundTripper
	Addr      net.Addr

	Topic       string // where letters go
	SourceTopic string // where their events stand
	Group       string // whose letters they are

	// RequestTimeout bounds one try, the waiting for metadata and connections included, so that a write
	// whose lease was good when it began is over soon after the lease. Default 5 s.
	RequestTimeout time.Duration
	// RetryInitial and RetryMax bound the backoff between tries. Default 200 ms and 30 s.
	RetryInitial, RetryMax time.Duration

	// Owned says whether the worker owns the record's partition now, under its epoch. It is asked before
	// each try. nil: always.
	Owned func(*event.Record) bool
	// Written is told of letters that all in-sync replicas have acknowledged. It is called from several
	// goroutines and must return soon. It isn't called for an assignment that was forgotten.
	Written func([]*Letter)
	Log     zerolog.Logger
}

// Writer writes letters. What it holds is bounded by whoever puts letters: it has no bound of its own, so
// that Put never waits.
type Writer struct {
	cfg    Config
	client *kafka.Client
	rarely zerolog.Logger // of what may repeat

	mu      sync.Mutex // of all below, and of every tray's queue and trouble
	run     context.Context
	trays   map[assignment]*tray
	tending sync.WaitGroup
	stats   Stats
}

// Stats is a moment of the Writer, for metrics. All but Waiting count since New.
type Stats struct {
	Waiting   int   // letters put and not yet acknowledged or forgotten
	Written   int64 // acknowledged
	Truncated int64 // of these, without their value
	Failed    int64 // tries that wrote nothing, or got no answer
	Forgotten int64 // dropped with an assignment that was over
}

// New makes a Writer. It sends nothing before Run; letters may be put before.
func New(cfg Config) *Writer {
	cfg.RequestTimeout = cmp.Or(cfg.RequestTimeout, 5*time.Second)
	cfg.RetryInitial = cmp.Or(cfg.RetryInitial, 200*time.Millisecond)
	cfg.RetryMax = max(cmp.Or(cfg.RetryMax, 30*time.Second), cfg.RetryInitial)
	if cfg.Owned == nil {
		cfg.Owned = func(*event.Record) bool { return true }
	}
	if cfg.Written == nil {
		cfg.Written = func([]*Letter) {}
	}
	return &Writer{
		cfg: cfg,
		// The client tells the broker half of its Timeout: with none it would be 500 ms, and each write
		// that a dying replica holds up would be answered "timed out" after it was appended.
		client: &kafka.Client{Addr: cfg.Addr, Transport: cfg.Transport, Timeout: cfg.RequestTimeout},
		rarely: cfg.Log.Sample(&zerolog.BurstSampler{Burst: 3, Period: 30 * time.Second}),
		trays:  map[assignment]*tray{},
	}
}

// Put hands over a letter to be written. It never waits and never fails.
func (w *Writer) Put(l *Letter) {
	e := &envelope{letter: l}
	if l.Record.Oversize > 0 {
		e.form = truncated // the consumer didn't keep the value
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Waiting++
	w.add(assignment{partition: l.Record.Partition, epoch: l.Record.Epoch}, e)
}

// add appends to a tray, and has it tended. w.mu is held.
func (w *Writer) add(a assignment, e *envelope) {
	t := w.trays[a]
	if t == nil {
		t = &tray{w: w, assignment: a}
		w.trays[a] = t
		w.tend(t)
	}
	t.queue = append(t.queue, e)
}

// tend starts the tray's goroutine, if Run has begun. It ends when the tray is empty. w.mu is held.
func (w *Writer) tend(t *tray) {
	if w.run == nil {
		return
	}
	ctx, cancel := context.WithCancel(w.run)
	t.cancel = cancel
	w.tending.Go(func() {
		defer cancel()
		t.run(ctx)
	})
}

// Run writes letters until ctx ends, and returns ctx's cause. What is then on its way may have been written.
// It may be called once.
func (w *Writer) Run(ctx context.Context) error {
	w.mu.Lock()
	w.run = ctx
	for _, t := range w.trays {
		w.tend(t)
	}
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	w.run = nil // who starts a goroutine looks at it under the lock: from here on Wait sees all there are
	w.mu.Unlock()
	w.tending.Wait()
	return context.Cause(ctx)
}

// Forget drops the letters of an assignment that is over. Nothing may be put for it afterwards.
func (w *Writer) Forget(partition int32, epoch uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, aside := range []bool{false, true} {
		a := assignment{partition, epoch, aside}
		t := w.trays[a]
		if t == nil {
			continue
		}
		w.stats.Waiting -= len(t.queue)
		w.stats.Forgotten += int64(len(t.queue))
		delete(w.trays, a)
		if t.cancel != nil {
			t.cancel()
		}
	}
}

// troubleAfter is how long writing may fail before the worker counts as not ready: the partitions of a
// broker that died are back after 6 to 9 s.
const troubleAfter = 10 * time.Second

// Ready returns nil, or why letters haven't been written for a while.
func (w *Writer) Ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.trays {
		if t.failure != nil && time.Since(t.failing) >= troubleAfter {
			return fmt.Errorf("the dead-letter topic %q can't be written: %w", w.cfg.Topic, t.failure)
		}
	}
	return nil
}

// Stats is safe for concurrent use.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}
