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
	"net"
	"time"

	"github.com/rs/zerolog"
	kafka "github.com/segmentio/kafka-go"

	"roomrelay/event"
)

// Reset says where a partition begins for which no usable position is committed.
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
	ClientID   string // told to the broker in join reasons and logs

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
	cfg Config
}

// New checks cfg. Nothing is sent before Run.
func New(cfg Config) (*Consumer, error) { return &Consumer{cfg: cfg}, nil }

// Run joins the group and consumes until Drain is through (nil), ctx ends (its cause; everything stops
// at once and nothing more is committed), or something is wrong that waiting can't cure.
func (c *Consumer) Run(ctx context.Context) error { panic("not yet") }

// Drain gives up every partition in order (Revoking, Drained, last commit), leaves the group, and lets
// Run end. It is bounded by ctx, whose end makes it a hard end; the error then says what was left.
func (c *Consumer) Drain(ctx context.Context) error { panic("not yet") }

// Begin is the check before an attempt: true says that the record may be sent now, and notes it as sent.
// False: the partition is lost or being given up, or the lease has run out.
func (c *Consumer) Begin(r *event.Record) bool { panic("not yet") }

// Owned is the check before a letter is written.
func (c *Consumer) Owned(r *event.Record) bool { panic("not yet") }

// Absolve says that the API certainly doesn't have the record, neither from us nor from an earlier owner.
func (c *Consumer) Absolve(r *event.Record) { panic("not yet") }

// Settle tells the record's one final outcome; its room in the buffer is free again.
func (c *Consumer) Settle(r *event.Record) { panic("not yet") }

// Drained answers Revoking: nothing of the partition is on its way any more.
func (c *Consumer) Drained(partition int32, epoch uint64) { panic("not yet") }

// Partitions returns how many partitions this member holds and how many the topic has (0: not known yet).
func (c *Consumer) Partitions() (held, total int) { panic("not yet") }

// Ready returns nil if the member takes part with every partition it was assigned, or why it doesn't.
func (c *Consumer) Ready() error { panic("not yet") }
