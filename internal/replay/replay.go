// Package replay publishes letters to be sent again, and follows what becomes of them.
//
// It promises that only letters that were chosen at the start are published, so that one that comes back isn't
// chased; that a letter is marked as soon as Kafka has acknowledged that it is published, and no more than
// MostUnmarked are published and unmarked at any moment; that letters of a room go in the order in which their
// events first stood; that a room gets no more than RoomRate of them a second, the group's workers have no
// more than MaxUnsettled of them before them at a time, and none is published while their lag grows; and that
// a letter which somebody else has marked meanwhile is left to them.
//
// It doesn't promise that a letter is published once: after a crash between publishing and marking up to
// MostUnmarked are published again. They go with resendFlag 1, and the API drops what it has by its msgId.
package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"roomrelay/deadletter"
)

// MostUnmarked is how many letters are published and not yet marked, at most.
const MostUnmarked = 500

// Config of a Replay. Desk, Ledger, To and By must be set.
type Config struct {
	Desk   *deadletter.Desk
	Ledger *deadletter.Ledger // from which the letters were chosen: what comes after it is followed
	To     string             // topic to publish to
	By     string             // who says that it was them
	Why    string

	RoomRate     int  // letters a second a room; 0: no limit
	MaxUnsettled int  // published letters that the group hasn't settled; 0: no limit
	IgnoreLag    bool // go on while the group's lag grows
	// StallAfter is how long nothing may be published or settled before Run ends with ErrStalled. 0: ever so long.
	StallAfter time.Duration

	Mend Mend // what is changed on the way

	// MarkForeign marks letters of other authors, too, on a topic that may be somebody else's.
	MarkForeign bool

	// Tell is told what a person should know meanwhile. nil: nobody.
	Tell func(format string, args ...any)
	// Report is told of progress, from the goroutine of Run and Await. nil: nobody.
	Report func(Report)
}

// marks says whether a letter is to be marked.
func (c *Config) marks(e *deadletter.Entry) bool { return e.By == deadletter.Ours || c.MarkForeign }

// Report is a moment of a replay.
type Report struct {
	Done, Total int // letters that were published, left or left aside, of those chosen
	Unsettled   int // published, and the group's commits don't settle them yet
}

// Outcome is what became of the letters that were chosen.
type Outcome struct {
	Published int
	Elsewhere int            // marked by somebody else meanwhile
	Aside     map[string]int // not published, by why
	Unmarked  int            // published, and the mark failed
	Foreign   int            // published, and not to be marked

	Settled int            // of those published
	Back    map[string]int // of those published, the letters that they became again, by reason
	Open    int            // of those published, not settled when waiting ended
}

// CameBack is how many became letters again.
func (o *Outcome) CameBack() (n int) {
	for _, x := range o.Back {
		n += x
	}
	return n
}

// Left is how many of those chosen weren't published.
func (o *Outcome) Left() (n int) {
	for _, x := range o.Aside {
		n += x
	}
	return n
}

// Replay is one replay. It isn't safe for concurrent use.
type Replay struct {
	cfg        Config
	queue      *queue
	tail       *deadletter.Tail
	gauge      *gauge
	partitions []int32 // of the topic To
	marks      bool    // some of the letters are to be marked
	total      int
	out        Outcome

	marked    map[deadletter.Identity]int // by anybody since the ledger: up to which replays
	published map[deadletter.Identity]int // by us: as which replay
	back      map[deadletter.Identity]bool
}

// New makes a replay of letters, which must be outstanding ones of cfg.Ledger.
func New(cfg Config, letters []*deadletter.Entry) *Replay {
	if cfg.Tell == nil {
		cfg.Tell = func(string, ...any) {}
	}
	if cfg.Report == nil {
		cfg.Report = func(Report) {}
	}
	return &Replay{
		cfg: cfg, queue: newQueue(letters, cfg.RoomRate), tail: cfg.Desk.Follow(cfg.Ledger), gauge: newGauge(&cfg),
		marks: slices.ContainsFunc(letters, cfg.marks),
		total: len(letters), out: Outcome{Aside: map[string]int{}, Back: map[string]int{}},
		marked: map[deadletter.Identity]int{}, published: map[deadletter.Identity]int{}, back: map[deadletter.Identity]bool{},
	}
}

const (
	// look is how often the group's commits are looked at while letters wait for them.
	look = time.Second
	// patience is how long a round that has begun may go on after ctx has ended: what is published should be
	// marked.
	patience = time.Minute
)

// ErrStopped says that the context ended before all were published.
var ErrStopped = errors.New("stopped before the end")

// ErrStalled says that the letters that are left had to wait for too long.
var ErrStalled = errors.New("nothing goes on any more")

// Run publishes and marks until all letters have had their turn. The end of ctx ends it after the round that
// it is in: nothing then stands published and unmarked. The Outcome is good with an error, too.
func (r *Replay) Run(ctx context.Context) (*Outcome, error) {
	partitions, err := r.cfg.Desk.Client.Partitions(ctx, r.cfg.To)
	if err != nil {
		return &r.out, err
	}
	r.partitions = partitions
	if r.marks {
		// What can't be marked would be published again and again.
		if err := r.cfg.Desk.Probe(ctx); err != nil {
			return &r.out, err
		}
	}
	for !r.queue.empty() {
		if ctx.Err() != nil {
			return &r.out, ErrStopped
		}
		wait, err := r.round(ctx)
		if err != nil {
			return &r.out, err
		}
		r.report()
		if wait > 0 {
			sleep(ctx, wait)
		}
	}
	return &r.out, nil
}

// round publishes and marks what may go now, and says how long to wait for more.
func (r *Replay) round(ctx context.Context) (wait time.Duration, err error) {
	whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := r.gauge.look(whole); err != nil {
		return 0, err
	}
	room, why := r.gauge.room()
	if room == 0 {
		r.waiting(whole, why)
		if r.cfg.StallAfter > 0 && time.Since(r.gauge.moved) > r.cfg.StallAfter {
			return 0, fmt.Errorf("%w: %s", ErrStalled, why)
		}
		return look, nil
	}
	entries, next := r.queue.take(time.Now(), min(room, MostUnmarked))
	if len(entries) == 0 {
		return max(time.Until(next), time.Millisecond), nil
	}
	if err := r.follow(whole); err != nil {
		return 0, err
	}
	return 0, r.publish(whole, r.others(entries))
}

// follow reads what was written to the dead-letter topic meanwhile.
func (r *Replay) follow(ctx context.Context) error {
	return r.tail.Read(ctx, func(f *deadletter.Filed) {
		if n, ours := r.published[f.Identity]; ours && f.Replays >= n && !r.back[f.Identity] {
			r.back[f.Identity] = true
			r.out.Back[f.Reason]++
		}
	}, func(m *deadletter.Mark) {
		r.marked[m.Identity] = max(r.marked[m.Identity], m.Replays)
	})
}

// others leaves out letters that somebody else has marked.
func (r *Replay) others(entries []*deadletter.Entry) []*deadletter.Entry {
	ours := entries[:0]
	for _, e := range entries {
		if n, marked := r.marked[e.Identity]; marked && n >= int(e.Replays) {
			r.out.Elsewhere++
			continue
		}
		ours = append(ours, e)
	}
	return ours
}

// waiting says now and then why nothing goes on.
func (r *Replay) waiting(ctx context.Context, why string) {
	if !r.gauge.worthSaying() {
		return
	}
	r.cfg.Tell("waiting: %s", why)
	r.tellWorkers(ctx)
}

// tellWorkers says when nobody works.
func (r *Replay) tellWorkers(ctx context.Context) {
	group := r.cfg.Desk.Group
	n, state, err := r.cfg.Desk.Client.Members(ctx, group)
	switch {
	case err != nil:
		r.cfg.Tell("whether somebody works can't be told: %v", err)
	case n == 0:
		r.cfg.Tell("nobody is working: group %s has no members (%s); its lag is %d; start a worker", group, state, r.gauge.lag)
	default:
		r.cfg.Tell("group %s: members %d, lag %d", group, n, r.gauge.lag)
	}
}

func (r *Replay) report() {
	r.cfg.Report(Report{Done: r.out.Published + r.out.Elsewhere + r.out.Left(), Total: r.total, Unsettled: r.gauge.unsettled()})
}

// Await waits until everything published is settled, for limit at most or until ctx ends, and finds out what
// came back. The error is one of Kafka's: that time ran out is told by Outcome.Open.
func (r *Replay) Await(ctx context.Context, limit time.Duration) (*Outcome, error) {
	end := time.Now().Add(limit)
	for {
		whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		err := r.gauge.look(whole)
		over := err == nil && r.gauge.unsettled() == 0 || ctx.Err() != nil || !time.Now().Before(end)
		if err == nil && over {
			// What came back is written before the commit that settles it.
			err = r.follow(whole)
		}
		if err == nil && (over && r.gauge.unsettled() > 0 || !over && r.gauge.worthSaying()) {
			r.tellWorkers(whole)
		}
		cancel()
		if err != nil {
			return &r.out, fmt.Errorf("waiting for what was published: %w", err)
		}
		r.report()
		if over {
			r.out.Open = r.gauge.unsettled()
			r.out.Settled = r.out.Published - r.out.Open
			return &r.out, nil
		}
		sleep(ctx, min(look, max(time.Until(end), time.Millisecond)))
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
