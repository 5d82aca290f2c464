package chaos

import (
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"roomrelay/batcher"
	"roomrelay/consumer"
	"roomrelay/internal/imsim"
	"roomrelay/internal/relay"
)

// Plan is a whole world and all that happens in it, drawn from a seed.
type Plan struct {
	Seed    uint64
	Setting Setting
	Length  time.Duration // of the time in which anything happens
	Rooms   []int64
	Bursts  []Burst
	Rules   []imsim.Rule    // of the API, over Length
	Lasting []imsim.Rule    // what it refuses for good, also afterwards
	Refused map[string]bool // msgIds that Lasting picks
	Deeds   []Deed          // by time

	torrent time.Duration // when it begins; 0: there is none
	flood   bool
	// looksAlike: a message is refused for good as if the worker were set up wrongly.
	looksAlike bool
}

// Setting is how everything is set up.
type Setting struct {
	Partitions   int
	Brokers      int
	Workers      int
	Static       bool // workers have instance ids
	LeaveOn      bool // ... and leave the group when they stop
	Fresh        bool // the first workers know that nothing was ever sent
	Ordering     batcher.Ordering
	Window       time.Duration
	MaxBatch     int
	MaxBody      int
	Slots        int
	MaxEvents    int
	MaxBytes     int
	Rate         int // calls a second of all workers; 0: none
	RoomRate     int
	Lease        time.Duration
	Rebalance    time.Duration
	Resend       bool // resend-refusals
	Latest       bool // auto-offset-reset is latest
	SmallLetters bool // the dead-letter topic takes no large records, ever
	SmallMeta    bool // commits may have little metadata only, ever
	Endpoints    int
	NeverHad     imsim.NeverHad
	Repeat       imsim.Repeat
}

// Burst is messages that producers write at about the same time. A plan is cut down by bursts.
type Burst []Write

// Write is one record that a producer writes.
type Write struct {
	At        time.Duration
	Partition int
	Key       string
	Value     []byte // nil: a tombstone
	Headers   []kafka.Header
	Old       time.Duration // how long ago its timestamp says that it was written
	Event     Event         // what it means
}

// Event is a published event as its producer knows it.
type Event struct {
	Room    int64
	Sender  string
	ID      string
	Attach  string
	Options string // as the call has them
	Resend  uint8
	Valid   bool // false: it must become a letter
	Null    bool // a tombstone: nothing becomes of it
	Replay  bool // it is a letter that is replayed, for the first time
}

// Deed is one thing that befalls a worker, a network or a broker.
type Deed struct {
	At     time.Duration
	Do     Do
	Worker int           // which seat
	For    time.Duration // until it is over, or the seat is taken again
	Anew   bool          // the next in the seat bears another instance id
	Number int           // picks what in particular
}

// The time-outs of every Plan: as short as the rules of settings let them be, so that much happens in a
// minute. requestTimeout stays above the second within which the simulator takes what it takes.
const (
	requestTimeout = 1200 * time.Millisecond
	sessionTimeout = 6 * time.Second
	giveUpAfter    = 20 * time.Second
	drainTimeout   = 7 * time.Second
	commitEvery    = 500 * time.Millisecond
	retryMost      = 2 * time.Second
)

// home is the partition of a room.
func (p *Plan) home(room int64) int { return int(room) % p.Setting.Partitions }

// configure gives a worker the plan's settings.
func (p *Plan) configure(c *relay.Config) {
	s := &p.Setting
	c.Consumer.SessionTimeout, c.Consumer.RebalanceTimeout, c.Consumer.RequestTimeout = sessionTimeout, s.Rebalance, requestTimeout
	c.Consumer.Lease, c.Consumer.CommitEvery = s.Lease, commitEvery
	c.Consumer.MaxEvents, c.Consumer.MaxBytes, c.Consumer.LeaveOnStop = s.MaxEvents, s.MaxBytes, s.LeaveOn
	if s.Latest {
		c.Consumer.Reset = consumer.Latest
	}
	c.Batcher.Ordering, c.Batcher.Window, c.Batcher.MaxBatch, c.Batcher.Slots = s.Ordering, s.Window, s.MaxBatch, s.Slots
	c.Batcher.MaxBytes, c.Batcher.RoomRate = s.MaxBody, float64(s.RoomRate)
	c.Sender.RequestTimeout, c.Sender.GiveUpAfter, c.Sender.Rate = requestTimeout, giveUpAfter, float64(s.Rate)
	c.Sender.RetryInitial, c.Sender.RetryMax = 50*time.Millisecond, retryMost
	c.Sender.DuplicateReasons, c.Sender.ResendRefusals = []string{imsim.ReasonRepeat}, s.Resend
	c.Sender.Remember = 1 << 12 // more than a world has messages
	c.DeadLetter.RequestTimeout, c.DeadLetter.RetryInitial, c.DeadLetter.RetryMax = requestTimeout, 50*time.Millisecond, retryMost
	c.DrainTimeout = drainTimeout
}

// faults is how the API misbehaves; healthy: only as it always does.
func (p *Plan) faults(healthy bool) *imsim.Faults {
	f := &imsim.Faults{NeverHad: p.Setting.NeverHad, Repeat: p.Setting.Repeat}
	if !healthy {
		f.Rules = append(f.Rules, p.Rules...)
	}
	f.Rules = append(f.Rules, p.Lasting...)
	return f
}

// dribble is for how long answers may take to be written at a time of the world.
func (p *Plan) dribble(at time.Duration) (longest time.Duration) {
	for _, x := range p.Rules {
		if x.Do == imsim.DoSlow && at >= x.From && at < x.Until {
			longest += x.Delay
		}
	}
	return longest
}

// does says that a deed befalls.
func (p *Plan) does(do Do) bool {
	return slices.ContainsFunc(p.Deeds, func(d Deed) bool { return d.Do == do })
}

// sober says that answers come at once or not at all, and that nothing befalls a worker or its links: then the
// judge knows what a worker knows.
func (p *Plan) sober() bool {
	for _, x := range p.Rules {
		if x.Do == imsim.DoSlow || x.Do == imsim.DoLatency || x.Late {
			return false
		}
	}
	for _, d := range p.Deeds {
		if !slices.Contains([]Do{Fault, Unwritable, TooLarge, Move, Rehash, Grow}, d.Do) {
			return false
		}
	}
	return true
}
