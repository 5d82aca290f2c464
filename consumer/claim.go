package consumer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"roomrelay/consumer/internal/group"
	"roomrelay/consumer/internal/offsets"
	"roomrelay/internal/fetch"
)

// phase of a claim. It only ever grows.
type phase uint8

const (
	taking   phase = iota // the position isn't known yet; nobody has been told of the claim
	running               // records are handed out
	revoking              // no attempt begins; what is on its way ends
	last                  // nothing is on its way: the last commit
	over                  // whatever comes in changes nothing
)

var (
	errRevoked = errors.New("revoked")
	errLost    = errors.New("lost")
	// errCut ends a claim whose log turned out to be shorter than what was read: it is taken anew.
	errCut = errors.New("log truncated")
)

// claim is one assignment of one partition. Its goroutine, run, takes it over, reads it, and gives it up.
type claim struct {
	c         *Consumer
	partition int32
	epoch     uint64
	topic     fetch.TopicID // of the topic as it was when the claim began; zero: not known
	topicID   string        // the same, as records bear it
	byID      bool          // the topic can be read by its id
	anew      bool          // it took the place of another one since Run began
	began     time.Time     // no attempt of an earlier owner began later
	log       zerolog.Logger
	rarely    zerolog.Logger // of what may repeat
	share     share          // guarded by the budget

	reading context.Context // ends when the claim is revoked or lost
	stop    context.CancelCauseFunc

	drainedOnce sync.Once
	drained     chan struct{} // closed by Drained
	finished    chan struct{} // closed when the last commit is acknowledged
	gone        chan struct{} // closed when the claim is over
	moved       chan struct{} // holds a token when Limit may have moved
	gaveUp      bool          // over in order; written by run, read after it
	open        transaction   // of a producer; belongs to run
	leader      int32         // epoch of the one that wrote what was read last; belongs to run

	mu         sync.Mutex // of all below
	phase      phase
	tracker    *offsets.Tracker // nil while taking
	doubtUntil time.Time        // what is in doubt isn't sent before
	behindGone bool             // and neither is anything else
	committed  bool             // the position stands in an acknowledged commit
	lastAcked  bool             // the last commit is acknowledged: there is none after it
	underWay   chan struct{}    // closed when the commit request that names the claim has ended; nil: none
	pace       pace
	trouble    trouble
	logEnd     int64 // the high watermark of the last fetch
}

// cutPause is before a claim whose log was cut is taken anew: a broker that says so again and again isn't to be asked
// without end.
const cutPause = 100 * time.Millisecond

// newClaim is called with c.mu held.
func newClaim(c *Consumer, partition int32, epoch uint64) *claim {
	cl := &claim{
		c: c, partition: partition, epoch: epoch, began: time.Now(), anew: c.remade,
		log:      c.cfg.Log.With().Int32("partition", partition).Uint64("epoch", epoch).Logger(),
		drained:  make(chan struct{}),
		finished: make(chan struct{}),
		gone:     make(chan struct{}),
		moved:    make(chan struct{}, 1),
	}
	cl.topic, cl.byID = c.member.TopicID()
	cl.topicID = cl.topic.String()
	cl.rarely = cl.log.Sample(sparse())
	cl.reading, cl.stop = context.WithCancelCause(c.run)
	return cl
}

// run is the whole life of a claim.
func (cl *claim) run() {
	defer cl.c.over(cl)
	defer cl.awaitCommit()
	position, err := cl.take()
	if err == nil {
		cl.notify(Notice{Kind: Assigned})
		err = cl.read(position)
		if cl.handOver(err) {
			cl.gaveUp = true
			return
		}
		cl.lose()
		cl.notify(Notice{Kind: Lost})
		if errors.Is(err, errCut) {
			pause(cl.c.run, cutPause)
		}
	}
	cl.gaveUp = errors.Is(err, errRevoked)
	cl.lose()
	cl.report(err)
}

// sparse lets a few of repeated messages through.
func sparse() zerolog.Sampler { return &zerolog.BurstSampler{Burst: 3, Period: 30 * time.Second} }

// report tells the Consumer of an end that waiting can't cure.
func (cl *claim) report(err error) {
	if f, ok := errors.AsType[*fatalError](err); ok {
		cl.c.fatal(f)
	}
}

// awaitCommit waits until no request that names the claim is under way: what it says must be known, and
// remembered, before the same partition is taken again. It is bounded by the request's own time-out.
func (cl *claim) awaitCommit() {
	cl.mu.Lock()
	ended := cl.underWay
	cl.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// handOver gives a revoked claim up in order; false: it was lost, or must be.
func (cl *claim) handOver(err error) (gaveUp bool) {
	if !errors.Is(err, errRevoked) {
		return false
	}
	cl.notify(Notice{Kind: Revoking})
	// What is on its way may be held up by letters that can't be written. The others wait for the
	// partition, and in another rebalance the group would wait for no longer than this.
	bound := time.NewTimer(cl.c.cfg.RebalanceTimeout - cl.c.cfg.RequestTimeout)
	defer bound.Stop()
	drained := true
	select {
	case <-cl.drained:
	case <-cl.gone:
		return false
	case <-bound.C:
		drained = false
		cl.log.Warn().Msg("given up though not all that was on its way has ended: the next owner sends it again")
		cl.notify(Notice{Kind: Lost})
	}
	if !cl.advance(last) {
		return drained // lost after all was drained: nobody needs to be told
	}
	cl.c.commitSoon()
	retries := time.NewTimer(2 * group.CommitPatience)
	defer retries.Stop()
	select {
	case <-cl.finished:
	case <-cl.gone:
	case <-retries.C:
		cl.log.Warn().Msg("given up without a last commit: the next owner takes what was sent for doubtful")
	}
	cl.lose()
	return true
}

// advance moves on to a later phase; false: the claim is over.
func (cl *claim) advance(to phase) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.phase >= to {
		return cl.phase < over
	}
	cl.phase = to
	return true
}

// revoke lets the claim be given up in order.
func (cl *claim) revoke() {
	if cl.advance(revoking) {
		cl.stop(errRevoked)
	}
}

// lose ends the claim at once, also after it was given up.
func (cl *claim) lose() {
	cl.mu.Lock()
	was := cl.phase
	cl.phase = over
	cl.mu.Unlock()
	if was == over {
		return
	}
	close(cl.gone)
	cl.stop(errLost)
	cl.c.budget.end(&cl.share)
}

func (cl *claim) alive() bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.phase < over
}

func (cl *claim) notify(n Notice) {
	n.Partition, n.Epoch = cl.partition, cl.epoch
	cl.c.cfg.Notify(n)
}

func (cl *claim) begin(offset int64) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.phase != running {
		return false
	}
	cl.tracker.Begin(offset)
	return true
}

func (cl *claim) absolve(offset int64) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.phase < over {
		cl.tracker.Absolve(offset)
	}
}

func (cl *claim) settle(offset int64) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.phase < over && cl.tracker.Settle(offset)
}

// nudge wakes the reader: Limit may have moved.
func (cl *claim) nudge() {
	select {
	case cl.moved <- struct{}{}:
	default:
	}
}
