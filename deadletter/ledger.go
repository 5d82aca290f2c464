package deadletter

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"roomrelay/internal/cluster"
	"roomrelay/internal/fetch"
)

// Desk reads the dead-letter topic and marks letters. All fields must be set.
type Desk struct {
	Client *cluster.Client
	Topic  string // the dead-letter topic
	Source string // the topic whose events became letters
	Group  string // the group that reads Source; what letters of other authors are taken for
	// Progress reads how far a group has come with a topic by now.
	Progress func(ctx context.Context, group, topic string) (Progress, error)
	// RememberFrom is how many records of a partition a reading must have gone through to leave a checkpoint.
	// Default 10,000.
	RememberFrom int
}

// Progress is how far a group has come with a topic, by its commits.
type Progress interface {
	// Settled says that the commits settle what stands there.
	Settled(at Place) bool
	// InHand says that something stands there which the group's workers have still to settle.
	InHand(at Place) bool
	// Lag is how many records the workers have still to settle, at most.
	Lag() int64
}

// Reading says what is wanted of a reading.
type Reading struct {
	Filter Filter
	// Done keeps letters that are done and match, too: memory then grows with them.
	Done bool
	// Letter and Mark are told of every record, of each partition in order, one at a time. nil: nobody.
	Letter func(*Filed)
	Mark   func(*Mark)
	// Full reads everything, whatever checkpoints say. Done, Letter and Mark do so, too.
	Full bool
}

// whole says that no checkpoint may shorten the reading.
func (r *Reading) whole() bool { return r.Full || r.Done || r.Letter != nil || r.Mark != nil }

// Ledger is what a reading found, up to the end that it had when it began.
type Ledger struct {
	// Entries are the letters outstanding and on their way and, if asked for, those done that match; the one
	// that failed first comes first. Those that don't match are among them.
	Entries []*Entry
	// Ended is how many letters of a group are done, as far as the topic still tells.
	Ended map[string]int

	Ranges     []cluster.Range // what the topic had
	Read       int             // records read
	Unreadable int             // of these, neither letter nor mark
	Why        []Unreadable    // some of these
	// Taken is how many letters of all groups retention took though they were outstanding, as far as
	// checkpoints tell; -1: there was none.
	Taken int

	settled *settlements
}

// Unreadable is a record that is neither letter nor mark.
type Unreadable struct {
	Place Place
	Why   string
}

// most unreadable records that are told of one by one, a partition.
const mostTold = 5

// Matching are the entries in a state that match the filter.
func (l *Ledger) Matching(states ...State) []*Entry {
	var all []*Entry
	for _, e := range l.Entries {
		if e.Matched && slices.Contains(states, e.State) {
			all = append(all, e)
		}
	}
	return all
}

// InHand says that a letter's event isn't settled: its worker ended between writing the letter and committing,
// and the next one will send the event again by itself.
func (l *Ledger) InHand(e *Entry) bool {
	if e.By != Ours {
		return false
	}
	l.settled.mu.RLock()
	defer l.settled.mu.RUnlock()
	p := l.settled.known[subject{e.Identity.Group, e.Identity.Topic}]
	return p != nil && p.InHand(e.Source)
}

// Read reads the topic from its beginning to the end that it has now. Its memory is a few hundred bytes for
// each letter that isn't done.
func (d *Desk) Read(ctx context.Context, r Reading) (*Ledger, error) {
	partitions, err := d.Client.Partitions(ctx, d.Topic)
	if err != nil {
		return nil, err
	}
	// What the group has settled is asked for first: then a letter that a settled replay became stands
	// before the ends that are asked for next.
	s := &settlements{desk: d, known: map[subject]Progress{}}
	if err := s.learn(ctx, subject{d.Group, d.Source}); err != nil {
		return nil, err
	}
	ranges, err := d.Client.Ranges(ctx, d.Topic, partitions)
	if err != nil {
		return nil, err
	}
	b := &books{desk: d, reading: &r, settled: s, ledger: &Ledger{Ended: map[string]int{}, Taken: -1}}
	if b.cluster, err = d.Client.ID(ctx, d.Topic); err != nil {
		return nil, err
	}
	for i := range ranges {
		b.shelves = append(b.shelves, newShelf(ranges[i].Partition, &r, s))
	}
	if err := b.scan(ctx, ranges); err != nil {
		return nil, err
	}
	if err := b.others(ctx, &ranges); err != nil {
		return nil, err
	}
	kept := b.checkpoints(ranges)
	b.close(ranges)
	d.remember(ctx, kept)
	return b.ledger, nil
}

// checkpoints makes those that are worth it.
func (b *books) checkpoints(ranges []cluster.Range) (all []*checkpoint) {
	for i, s := range b.shelves {
		if c := b.keep(s, ranges[i].End, time.Now()); c != nil {
			all = append(all, c)
		}
	}
	return all
}

// books are a reading under way.
type books struct {
	desk    *Desk
	reading *Reading
	settled *settlements
	shelves []*shelf
	cluster string // its id
	ledger  *Ledger
	mu      sync.Mutex // of the callbacks, and of ledger while it is read
}

// scan reads each partition's range into its shelf, some at a time.
func (b *books) scan(ctx context.Context, ranges []cluster.Range) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for i := range ranges {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := b.scanOne(ctx, b.shelves[i], ranges[i]); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (b *books) scanOne(ctx context.Context, s *shelf, r cluster.Range) error {
	each := func(x *fetch.Record) error {
		s.read++
		b.take(s, x)
		return nil
	}
	if !s.begun {
		s.begun = true
		next, err := b.begin(ctx, s, r, each)
		if err != nil {
			return err
		}
		r.First = next
	}
	return b.desk.Client.Scan(ctx, b.desk.Topic, r.Partition, r.First, r.End, each)
}

// begin looks for a checkpoint, and says from where on the partition is to be read.
func (b *books) begin(ctx context.Context, s *shelf, r cluster.Range, each func(*fetch.Record) error) (next int64, err error) {
	if b.reading.whole() && !b.reading.Full {
		return r.First, nil
	}
	c, err := b.find(ctx, r)
	if err != nil || c == nil {
		return r.First, err
	}
	s.resumed = true
	s.gone = c.gone(r.First)
	s.taken = c.Taken + s.gone
	if b.reading.Full {
		return r.First, nil
	}
	if err := b.resume(ctx, s, c, r, each); err != nil {
		return 0, err
	}
	s.read = 0 // what was kept isn't new
	return max(r.First, c.Next), nil
}

// take puts a record onto its shelf.
func (b *books) take(s *shelf, x *fetch.Record) {
	letter, mark, err := read(s.partition, b.desk.Group, x)
	switch {
	case err != nil:
		b.unreadable(s, Place{s.partition, x.Offset}, err)
	case letter != nil:
		s.letter(letter, b.reading.Filter.Matches(letter))
		b.tellLetter(letter)
	case mark != nil:
		s.mark(mark)
		b.tellMark(mark)
	}
}

func (b *books) tellLetter(f *Filed) {
	if b.reading.Letter != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.reading.Letter(f)
	}
}

func (b *books) tellMark(m *Mark) {
	if b.reading.Mark != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.reading.Mark(m)
	}
}

func (b *books) unreadable(s *shelf, at Place, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger.Unreadable++
	if s.unreadable++; s.unreadable <= mostTold {
		b.ledger.Why = append(b.ledger.Why, Unreadable{at, why.Error()})
	}
}

// others learns what groups have settled that weren't known before their marks were read, and reads on to
// where the topic ends after that.
func (b *books) others(ctx context.Context, ranges *[]cluster.Range) error {
	var unknown []subject
	for _, s := range b.shelves {
		for _, e := range s.open {
			x := subject{e.Identity.Group, e.Identity.Topic}
			if (e.State == OnItsWay || e.Matched) && !b.settled.knows(x) && !slices.Contains(unknown, x) {
				unknown = append(unknown, x)
			}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	for _, x := range unknown {
		if err := b.settled.learn(ctx, x); err != nil && !cluster.Denied(err) {
			return err
		}
	}
	now, err := b.desk.Client.Ranges(ctx, b.desk.Topic, partitionsOf(*ranges))
	if err != nil {
		return err
	}
	rest := slices.Clone(now)
	for i := range rest {
		rest[i].First = max(rest[i].First, (*ranges)[i].End)
	}
	if err := b.scan(ctx, rest); err != nil {
		return err
	}
	for _, s := range b.shelves {
		s.settle()
	}
	*ranges = now
	return nil
}

func partitionsOf(ranges []cluster.Range) []int32 {
	all := make([]int32, len(ranges))
	for i := range ranges {
		all[i] = ranges[i].Partition
	}
	return all
}

// close joins the shelves.
func (b *books) close(ranges []cluster.Range) {
	l := b.ledger
	l.Ranges, l.settled = ranges, b.settled
	b.join()
	for _, s := range b.shelves {
		for _, e := range s.open {
			l.Entries = append(l.Entries, e)
		}
		for group, n := range s.done {
			l.Ended[group] += n
		}
		l.Read += s.read
		if s.resumed {
			l.Taken = max(l.Taken, 0) + s.taken
		}
	}
	b.addEnded()
	for group, n := range l.Ended {
		l.Ended[group] = max(n, 0) // retention may have taken the marks of what came back
	}
	slices.SortFunc(l.Entries, (*Entry).Before)
	slices.SortFunc(l.Why, func(a, b Unreadable) int {
		return cmp.Or(cmp.Compare(a.Place.Partition, b.Place.Partition), cmp.Compare(a.Place.Offset, b.Place.Offset))
	})
}

// addEnded adds letters that are done. One that came back on another partition is that one.
func (b *books) addEnded() {
	if !b.reading.Done {
		return
	}
	newest := map[Identity]*Entry{}
	for _, e := range b.ledger.Entries {
		newest[e.Identity] = e
	}
	open := len(newest)
	for _, s := range b.shelves {
		for _, e := range s.ended {
			if o := newest[e.Identity]; o == nil || o.State == Done && o.Replays < e.Replays {
				newest[e.Identity] = e
			}
		}
	}
	if len(newest) == open {
		return
	}
	for _, e := range newest {
		if e.State == Done {
			b.ledger.Entries = append(b.ledger.Entries, e)
		}
	}
}

// join finds letters that stand on several partitions: a replay took them there, or the topic has got more
// partitions between two writes.
func (b *books) join() {
	for i, s := range b.shelves {
		for k, e := range s.open {
			if e.Replays == 0 && (e.By != Ours || int(e.Source.Partition)%len(b.shelves) == i) {
				continue // where a letter that was never replayed stands
			}
			for j, o := range b.shelves {
				if i == j {
					continue
				}
				// Names have their own numbers on each shelf.
				other := o.names.key(e.Identity)
				x := o.open[other]
				if x == nil {
					continue
				}
				if x.Replays > e.Replays || x.Replays == e.Replays && x.FailedAt > e.FailedAt {
					x.absorb(e)
					delete(s.open, k)
					break
				}
				e.absorb(x)
				delete(o.open, other)
			}
		}
	}
}

// absorb notes an older record of the same letter.
func (e *Entry) absorb(o *Entry) {
	e.Older = append(e.Older, o.Older...)
	if o.State == Outstanding {
		e.Older = append(e.Older, Older{o.Place, o.Replays})
	}
}
