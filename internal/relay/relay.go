// Package relay is the wiring: it alone sees consumer, batcher, sender and deadletter, and moves events
// between them.
//
// It promises that an event is settled once, after its last attempt and after its letter was acknowledged;
// that no attempt and no letter begins for a partition whose lease has run out; that what comes in late
// for an assignment that is over changes nothing; and that a stop ends within the drain time-out.
//
// It decides nothing itself: what may be fetched and committed is the consumer's matter, what goes
// together and in which turn the batcher's, what an answer means and when to call again the sender's.
//
// One goroutine, the loop, owns the batcher, the sender and all that is known of partitions and batches.
// Everything else reaches it through its inbox.
package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"roomrelay/batcher"
	"roomrelay/consumer"
	"roomrelay/deadletter"
	"roomrelay/sender"
)

// Config of a Relay: that of each stage, but for the functions by which the stages are joined, which the
// Relay sets itself (Consumer.Notify, DeadLetter.Owned, DeadLetter.Written).
type Config struct {
	Consumer     consumer.Config
	Batcher      batcher.Config
	Sender       sender.Config
	DeadLetter   deadletter.Config
	DrainTimeout time.Duration // from the end of Run's context until everything ends, ready or not
	Meter        Meter         // nil: nobody counts
	Log          zerolog.Logger
}

// Relay is one worker.
type Relay struct {
	limit    time.Duration // of a drain
	topic    string
	group    string
	slots    int
	log      zerolog.Logger
	meter    Meter
	consumer *consumer.Consumer
	writer   *deadletter.Writer
	inbox    *inbox
	loop     *loop
	counts   counts
	hold     atomic.Pointer[Hold] // what holds sending up, nil if nothing does; written by the loop
	draining atomic.Bool
	kill     chan struct{}
	killOnce sync.Once
}

// New checks nothing that the stages check: it returns their errors.
func New(cfg Config) (*Relay, error) {
	r := &Relay{limit: cfg.DrainTimeout, topic: cfg.Consumer.Topic, group: cfg.Consumer.Group, slots: cfg.Batcher.Slots, log: cfg.Log, meter: cfg.Meter, inbox: newInbox(), kill: make(chan struct{})}
	if r.meter == nil {
		r.meter = silence{}
	}
	cfg.Consumer.Notify = r.notify
	c, err := consumer.New(cfg.Consumer)
	if err != nil {
		return nil, fmt.Errorf("setting up the consumer: %w", err)
	}
	s, err := sender.New(cfg.Sender)
	if err != nil {
		return nil, fmt.Errorf("setting up the sender: %w", err)
	}
	cfg.DeadLetter.Owned = c.Owned
	cfg.DeadLetter.Written = func(l []*deadletter.Letter) { r.inbox.put(item{written: l}) }
	r.consumer = c
	r.writer = deadletter.New(cfg.DeadLetter)
	r.loop = newLoop(r, batcher.New(cfg.Batcher), s)
	return r, nil
}

// Run works until ctx ends, then drains: no new attempts, what is on its way ends, everything settled is
// committed. It returns nil after that, an error if the drain time-out cut it short, and the consumer's
// error if that can't go on. After Kill it returns at once.
func (r *Relay) Run(ctx context.Context) error {
	// Two contexts: ctx stops taking work, hard stops work.
	hard, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { r.loop.run(hard) })
	running.Go(func() { _ = r.writer.Run(hard) })
	consumed := make(chan error, 1)
	running.Go(func() { consumed <- r.consumer.Run(hard) })

	var err error
	select {
	case err = <-consumed:
	case <-r.kill:
	case <-ctx.Done():
		err = r.drain(hard)
	}
	stop()
	running.Wait()
	r.loop.attempts.Wait()
	r.loop.sender.Close()
	return err
}

var errDrainCut = errors.New("drain time-out: some of what was on its way had no outcome yet; the next owner sends it again with resendFlag 1")

func (r *Relay) drain(hard context.Context) error {
	r.draining.Store(true)
	limit, cancel := context.WithTimeoutCause(hard, r.limit, errDrainCut)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- r.consumer.Drain(limit) }()
	select {
	case err := <-drained:
		if err != nil && limit.Err() != nil {
			return fmt.Errorf("draining: %w", context.Cause(limit))
		}
		return err
	case <-limit.Done():
		return fmt.Errorf("draining: %w", context.Cause(limit))
	case <-r.kill:
		return nil
	}
}

// Kill ends Run at once: nothing more is sent, written or committed. It is what a crash leaves behind,
// for those who want to see what the next owner makes of it.
func (r *Relay) Kill() { r.killOnce.Do(func() { close(r.kill) }) }

// Ready says why the worker can't do its work at the moment, or nil.
func (r *Relay) Ready() error {
	if r.draining.Load() {
		return errors.New("stopping")
	}
	if err := r.consumer.Ready(); err != nil {
		return err
	}
	// Over the quota the worker does what it must, and that passes by itself.
	if h := r.hold.Load(); h != nil && h.Cause != string(sender.OverQuota) {
		return errors.New(h.Why)
	}
	return r.writer.Ready()
}
