// Package consumer is the Kafka side of the worker: group membership, fetching, bounded buffering, the
// tracking of offsets, and commits.
//
// It promises that a record is handed out only once an acknowledged commit says that it may be sent
// (write ahead), at most once per assignment and in the order of offsets of its partition; that no commit
// passes an unsettled record; that nothing is committed for a partition after it was given up; that
// records that an earlier owner may have sent are handed out marked as in doubt; and that what it has
// handed out and not seen settled stays within the bounds by count and by bytes.
//
// It doesn't decode, send or judge anything, and it doesn't know what settling means: the wiring tells it.
package consumer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	kafka "github.com/segmentio/kafka-go"

	"roomrelay/consumer/internal/group"
	"roomrelay/consumer/internal/offsets"
	"roomrelay/event"
	"roomrelay/internal/fetch"
)

// Reset says where a partition begins for which no usable position is committed. One of a topic that was deleted and
// made anew begins at its oldest record in any case: nothing of it was ever read.
type Reset uint8

const (
	Earliest Reset = iota // at the oldest record that is still there
	Latest                // behind the newest record
	Fail                  // nowhere: Run ends with an error that names the partition and its range
)

// Kind of a Notice.
type Kind uint8

const (
	// Assigned: the partition is ours under a new epoch. It comes before any other notice of the epoch.
	Assigned Kind = iota + 1
	// Records: more records of the partition, in the order of their offsets.
	Records
	// Revoking: the partition is to be given up. No new attempt is allowed for it; when nothing of it
	// is on its way any more (attempts, letters), Drained is to be called. No Records follow.
	Revoking
	// Lost: the partition isn't ours any more, and what is known of it is to be forgotten at once. It is
	// not sent for a partition that was given up in order, which ends with Drained.
	Lost
)

// Notice tells the wiring what has happened to a partition.
type Notice struct {
	Kind      Kind
	Partition int32
	Epoch     uint64
	Records   []event.Record // of Records; it belongs to the receiver
}

// Config of a Consumer. Transport, Addr, Topic, Group and Notify must be set; the time-outs too, since
// the rules between them are checked where the settings are read.
type Config struct {
	// Transport reaches the brokers at Addr. Its MetadataTopics should name Topic alone, and its
	// MetadataTTL (1 s is good) bounds how long a moved leader goes unnoticed.
	Transport kafka.RoundTripper
	Addr      net.Addr

	Topic      string
	Group      string
	InstanceID string // static membership; "": dynamic
	ClientID   string // named in the reasons of joins, which brokers log

	SessionTimeout   time.Duration
	RebalanceTimeout time.Duration
	RequestTimeout   time.Duration // the API's: how long an attempt may last
	Lease            time.Duration // at most SessionTimeout - RequestTimeout
	CommitEvery      time.Duration // default 1 s

	MaxEvents int // records handed out and not settled, over all partitions
	MaxBytes  int // the same in bytes

	Reset Reset
	// Fresh says that the group has never sent anything: where there is no commit, nothing is in doubt.
	Fresh bool
	// LeaveOnStop makes a member with InstanceID leave the group in Drain. Others always do.
	LeaveOnStop bool

	// Wall is the wall clock, which goes on while a suspended machine's monotonic clock stands still.
	// nil: time.Now.
	Wall func() time.Time
	// Notify is called from the goroutine of the notice's partition: it must return soon, and it may
	// be called for several partitions at once.
	Notify func(Notice)
	Log    zerolog.Logger
}

// Consumer reads one topic as a member of a group.
type Consumer struct {
	cfg    Config
	member *group.Member
	budget *budget
	kick   chan struct{} // asks for an early commit
	counts counts
	rarely zerolog.Logger // of what may repeat

	// live is replaced as a whole under mu and read without a lock: it is asked before every attempt.
	live atomic.Pointer[map[int32]*claim]

	mu       sync.Mutex // of all below
	run      context.Context
	end      context.CancelCauseFunc // of run; nil before Run
	ended    chan struct{}           // closed when Run returns
	claims   sync.WaitGroup
	assigned []int32
	epoch    uint64
	draining bool
	empty    chan struct{}        // closed when draining and no claim is left
	memory   map[memo]offsets.Low // what unanswered commits leave behind, over the end of a claim
	remade   bool                 // the topic was made anew since Run began
}

// memo is a partition of one topic, of those that bore the name in turn.
type memo struct {
	topic     fetch.TopicID
	partition int32
}

// errDrained ends Run in order.
var errDrained = errors.New("drained")

// New checks cfg. Nothing is sent before Run.
func New(cfg Config) (*Consumer, error) {
	switch {
	case cfg.Transport == nil || cfg.Addr == nil || cfg.Notify == nil:
		return nil, errors.New("consumer: Transport, Addr and Notify must be set")
	case cfg.Topic == "" || cfg.Group == "":
		return nil, errors.New("consumer: Topic and Group must be set")
	case cfg.MaxEvents < 1 || cfg.MaxBytes < 1:
		return nil, errors.New("consumer: MaxEvents and MaxBytes must be positive")
	case cfg.RequestTimeout <= 0 || cfg.Lease <= 0 || cfg.Lease > cfg.SessionTimeout-cfg.RequestTimeout || cfg.RebalanceTimeout <= cfg.RequestTimeout:
		return nil, fmt.Errorf("consumer: a lease of %v doesn't fit a session-timeout of %v, a rebalance-timeout of %v and a request-timeout of %v",
			cfg.Lease, cfg.SessionTimeout, cfg.RebalanceTimeout, cfg.RequestTimeout)
	}
	if cfg.CommitEvery <= 0 {
		cfg.CommitEvery = time.Second
	}
	if cfg.Wall == nil {
		cfg.Wall = time.Now
	}
	c := &Consumer{
		cfg:    cfg,
		rarely: cfg.Log.Sample(sparse()),
		budget: newBudget(cfg.MaxEvents, cfg.MaxBytes),
		kick:   make(chan struct{}, 1),
		ended:  make(chan struct{}),
		empty:  make(chan struct{}),
		memory: map[memo]offsets.Low{},
	}
	c.live.Store(&map[int32]*claim{})
	c.member = group.New(group.Config{
		Transport: cfg.Transport, Addr: cfg.Addr, Topic: cfg.Topic, Group: cfg.Group,
		InstanceID: cfg.InstanceID, ClientID: cfg.ClientID,
		SessionTimeout: cfg.SessionTimeout, RebalanceTimeout: cfg.RebalanceTimeout,
		RequestTimeout: cfg.RequestTimeout, Lease: cfg.Lease, Wall: cfg.Wall,
		Claims: claims{c}, Log: cfg.Log,
	})
	return c, nil
}

// Run joins the group and consumes until Drain is through (nil), ctx ends (its cause; everything stops
// at once and nothing more is committed), or something is wrong that waiting can't cure. It may be called
// once.
func (c *Consumer) Run(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	c.mu.Lock()
	c.run, c.end = ctx, end
	draining := c.draining
	c.mu.Unlock()
	defer close(c.ended)
	if draining {
		return nil
	}
	var commits sync.WaitGroup
	commits.Go(func() { c.commitUntil(ctx) })
	err := c.member.Run(ctx)
	end(err)
	claims{c}.Lost(err)
	c.claims.Wait()
	commits.Wait()
	if errors.Is(err, errDrained) {
		return nil
	}
	return err
}

// Drain gives up every partition in order (Revoking, Drained, last commit), leaves the group, and lets
// Run end. It is bounded by ctx, whose end makes it a hard end; the error then says what was left.
func (c *Consumer) Drain(ctx context.Context) error {
	c.member.Stop()
	c.mu.Lock()
	c.draining = true
	run, end := c.run, c.end
	for _, cl := range *c.live.Load() {
		cl.revoke()
	}
	c.settleEmpty()
	c.mu.Unlock()
	if end == nil {
		return nil
	}
	var err error
	select {
	case <-c.empty:
		if c.cfg.InstanceID == "" || c.cfg.LeaveOnStop {
			if err := c.member.Leave(ctx); err != nil {
				c.cfg.Log.Warn().Err(err).Msg("not left: the partitions wait for the session to run out")
			}
		}
	case <-ctx.Done():
		err = fmt.Errorf("giving up %d partitions: %w", len(*c.live.Load()), context.Cause(ctx))
	case <-run.Done():
	}
	end(errDrained)
	<-c.ended
	return err
}

// claim returns the claim under which r was handed out, if it isn't over.
func (c *Consumer) claim(partition int32, epoch uint64) *claim {
	if cl := (*c.live.Load())[partition]; cl != nil && cl.epoch == epoch {
		return cl
	}
	return nil
}

// Begin is the check before an attempt: true says that the record may be sent now, and notes it as sent.
// False: the partition is lost or being given up, or the lease has run out.
func (c *Consumer) Begin(r *event.Record) bool {
	cl := c.claim(r.Partition, r.Epoch)
	return cl != nil && c.member.Leased() && cl.begin(r.Offset)
}

// Owned is the check before a letter is written. It holds while the partition is being given up, too.
func (c *Consumer) Owned(r *event.Record) bool {
	cl := c.claim(r.Partition, r.Epoch)
	return cl != nil && c.member.Leased() && cl.alive()
}

// Absolve says that the API certainly doesn't have the record, neither from us nor from an earlier owner.
func (c *Consumer) Absolve(r *event.Record) {
	if cl := c.claim(r.Partition, r.Epoch); cl != nil {
		cl.absolve(r.Offset)
	}
}

// Settle tells the record's one final outcome; its room in the buffer is free again.
func (c *Consumer) Settle(r *event.Record) {
	if cl := c.claim(r.Partition, r.Epoch); cl != nil && cl.settle(r.Offset) {
		c.budget.free(&cl.share, r.Bytes)
	}
}

// Drained answers Revoking: nothing of the partition is on its way any more.
func (c *Consumer) Drained(partition int32, epoch uint64) {
	if cl := c.claim(partition, epoch); cl != nil {
		cl.drainedOnce.Do(func() { close(cl.drained) })
	}
}

// Partitions returns how many partitions this member holds and how many the topic has (0: not known yet).
func (c *Consumer) Partitions() (held, total int) {
	return len(*c.live.Load()), c.member.Total()
}

// fatal ends Run with err.
func (c *Consumer) fatal(err error) {
	c.mu.Lock()
	end := c.end
	c.mu.Unlock()
	end(err)
}

// settleEmpty lets Drain go on when no claim is left. c.mu is held.
func (c *Consumer) settleEmpty() {
	if c.draining && len(*c.live.Load()) == 0 {
		select {
		case <-c.empty:
		default:
			close(c.empty)
		}
	}
}
