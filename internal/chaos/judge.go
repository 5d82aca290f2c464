package chaos

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"roomrelay/internal/imsim"
	"roomrelay/internal/world"
)

// judge stands outside: it sees what was published, what the API was asked and what rooms were shown, what
// workers ask of Kafka, and what the broker holds of commits, members and letters. Of the inside of a
// worker it knows nothing.
type judge struct {
	run *Run

	mu      sync.Mutex // guards the fields below
	books   books
	calls   []*call
	open    map[int64]*call // by number
	workers map[string]*conduct
	members map[string]string // member ids of the group, and whose they are
	letters letterbook
	moved   bool      // an operator has reset offsets
	tended  time.Time // until when the topic may hold what the books don't: an operator replays letters; zero: none ever did
	caught  bool      // nothing stood there that the books don't hold after tended
	found   []Violation
	about   []string // the message that each of found is about
}

// conduct is what is known of one worker.
type conduct struct {
	name    string
	rooms   map[int64]*standing
	blocked time.Time // when a 416 was answered last
	unclear time.Time // until when answers may be on their way that dribble
	silence int       // calls that ended since somebody was answered 200
	odd     bool      // one of them as if the worker were set up wrongly
	latest  moment
	probed  time.Time // when either could last be a reason for a probe
	begun   []time.Time
	held    []holding
	fetched map[int32]position
	flawed  map[laneOf]bool // lanes with a refused batch that goes one by one
	welcome bool            // somebody was answered 200
	refused []int64         // rooms of the calls that were refused whole since one was answered 200
	surplus int             // how many of these came when there were twenty in three rooms
	mute    []int64         // rooms of the calls that nobody answered since one was answered
	stopped time.Time       // since when there were ten of them in three rooms; zero: there aren't
	sent    []batchAt
	lease   lease
	joined  time.Time // when its membership began
}

// heard notes what an answer says of the API and of the worker's set-up. Of answers at one instant the good one
// may have come first.
func (w *conduct) heard(c *call) {
	suspect := w.silence >= 10 || w.odd
	if c.Ended.Sub(w.latest.at) >= instant {
		w.latest = moment{at: c.Ended}
	}
	if (c.class == listed || c.class == repeated) && !c.faint {
		w.silence, w.odd = w.latest.silent, w.latest.odd
	} else {
		odd := c.class == setUp || c.Code == 414
		w.silence, w.latest.silent = w.silence+1, w.latest.silent+1
		w.odd, w.latest.odd = w.odd || odd, w.latest.odd || odd
	}
	if suspect || w.silence >= 10 || w.odd {
		w.probed = c.Ended
	}
}

// mayProbe says that a call which began at that time may be a probe, for which neither backoff nor the tenth
// counts. What ended at the same instant the worker may have heard in another order.
func (w *conduct) mayProbe(at time.Time) bool {
	return w.silence >= 10 || w.odd || at.Before(w.probed.Add(instant))
}

// moment is the answers of one instant that weren't good.
type moment struct {
	at     time.Time
	silent int
	odd    bool
}

// batchAt is how many messages of a room went at a time.
type batchAt struct {
	room int64
	at   time.Time
	n    int
}

// holding is how many partitions were assigned to a worker from a time on.
type holding struct {
	at time.Time
	n  int
}

// standing is how a room stands with a worker.
type standing struct {
	trouble time.Time // since when its last call had no outcome; zero: it had one
	changed time.Time
	vain    int       // calls without an outcome since one had one
	failed  time.Time // when the last of these ended
	asked   time.Time // until when the API asked for a pause
}

func newJudge(r *Run) *judge {
	return &judge{
		run: r, books: newBooks(r.plan.Setting.Partitions), open: map[int64]*call{}, workers: map[string]*conduct{}, members: map[string]string{},
		letters: newLetterbook(r.plan.Setting.Partitions),
	}
}

// most bounds what is told of one world: the first are what matters.
const most = 12

// violate notes a broken promise, with the message that it is about ("": none).
func (j *judge) violate(rule, words, message string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.blame(rule, message, words, args...)
}

// blame is violate under j.mu.
func (j *judge) blame(rule, message, words string, args ...any) {
	if len(j.found) >= most {
		return
	}
	text := fmt.Sprintf("at %.3fs: ", j.run.now().Seconds()) + fmt.Sprintf(words, args...)
	if message != "" {
		text = message + ": " + text
	}
	for i := range j.found {
		if j.found[i].Rule == rule && j.about[i] == message {
			return
		}
	}
	j.found = append(j.found, Violation{Rule: rule, Words: text})
	j.about = append(j.about, message)
}

func (j *judge) conduct(name string) *conduct {
	c := j.workers[name]
	if c == nil {
		c = &conduct{name: name, rooms: map[int64]*standing{}, fetched: map[int32]position{}, flawed: map[laneOf]bool{}}
		j.workers[name] = c
	}
	return c
}

// publish enters a record that is about to be written, where it should come to stand.
func (j *judge) publish(w Write, owed bool) *record {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.catchUp()
	j.books.logs[w.Partition].writing = true
	return j.books.publish(w, time.Now(), owed)
}

// standsAt is told where a record came to stand: an operator may have written before it, after the judge looked.
func (j *judge) standsAt(x *record, at int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := j.books.logs[x.partition]
	l.writing = false
	if at == x.offset {
		return nil
	}
	if at < x.offset || int64(len(l.records)) != x.offset+1 || j.tended.IsZero() {
		return fmt.Errorf("it should stand at %d", x.offset)
	}
	l.records = l.records[:x.offset]
	if err := j.enterReplays(x.partition, at); err != nil {
		return err
	}
	x.offset = at
	l.records = append(l.records, x)
	return nil
}

// ownerOf is the worker that a partition is assigned to; "": none that is known.
func (j *judge) ownerOf(partition int32) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	g := j.ground()
	return j.members[g.owner[partition]]
}

// membersOf are the names by which the group knows, or has known, a worker.
func (j *judge) membersOf(worker string) (all []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for member, name := range j.members {
		if name == worker {
			all = append(all, member)
		}
	}
	return all
}

func (j *judge) published() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.books.count
}

// grow is told of a partition that was added.
func (j *judge) grow() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.books.logs = append(j.books.logs, &log{})
}

// deleting is told that the log of a partition is about to begin at offset.
func (j *judge) deleting(partition int32, offset int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.catchUp() // what is deleted may be an operator's
	for _, x := range j.books.logs[partition].records[:offset] {
		x.deleted = true
	}
	j.mayPass(j.books.logs[partition])
}

// operated is told that an operator resets offsets: what was settled may be sent again, with resendFlag 1.
func (j *judge) operated() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.moved = true
	j.catchUp()
	for _, l := range j.books.logs {
		l.clear = 0
		j.mayPass(l)
	}
}

// passTo is told that an operator sets a partition's offset there.
func (j *judge) passTo(partition int, offset int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.catchUp()
	l := j.books.logs[partition]
	l.passed = max(l.passed, offset)
	for _, x := range l.records[:min(offset, int64(len(l.records)))] {
		x.unowed = x.unowed || x.offset >= l.clear
	}
}

// mayPass notes that a commit may be out of the log's range: then auto-offset-reset holds, and latest passes
// over all that is there.
func (j *judge) mayPass(l *log) {
	for _, x := range l.records {
		x.unowed = x.unowed || j.run.plan.Setting.Latest
	}
}

// splitting says that a refused batch of the worker goes one by one.
func (j *judge) splitting(worker string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.conduct(worker).flawed) > 0
}

// ground is what the broker holds at one moment.
type ground struct {
	stored map[int32]commit // by partition; none: no commit
	owner  map[int32]string // the member that a partition is assigned to
	epoch  int32
	static map[string]string // instance ids by member
}

func (j *judge) ground() ground {
	g := ground{stored: map[int32]commit{}, owner: map[int32]string{}, static: map[string]string{}}
	info := j.run.Cluster.GroupInfo(world.Group)
	if info == nil {
		return g
	}
	g.epoch = info.Epoch
	for p, c := range info.Commits[world.Topic] {
		g.stored[p] = commitOf(c.Offset, c.Metadata)
	}
	for _, m := range info.Members {
		if m.InstanceID != nil {
			g.static[m.MemberID] = *m.InstanceID
		}
		for _, p := range m.Assignment[world.Topic] {
			g.owner[p] = m.MemberID
		}
	}
	return g
}

// stranger says that a partition is assigned to somebody else than the worker, and to whom. A worker that
// was displaced by another one of its own instance id can't know of it before its lease ends.
func (j *judge) stranger(g *ground, partition int32, worker string) (string, bool) {
	member := g.owner[partition]
	owner := j.members[member]
	if owner == "" || owner == worker {
		return "", false
	}
	if g.static[member] != "" && j.run.instance(worker) == g.static[member] {
		return "", false
	}
	return owner, true
}

// nameOf is the worker that calls under this host.
func nameOf(host string) string { return strings.TrimPrefix(host, "backup.") }

// life is what became of a message, a line each.
func (j *judge) life(name string) (lines []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.books.logs {
		for _, x := range l.records {
			if name != "" && x.event.ID == name {
				lines = append(lines, fmt.Sprintf("%8.3fs published at offset %d of partition %d: %+v", j.at(x.at), x.offset, x.partition, x.event))
			}
		}
	}
	for _, c := range j.calls {
		if name != "" && slices.ContainsFunc(c.Messages, func(m imsim.Sent) bool { return m.MsgID == name }) {
			lines = append(lines, fmt.Sprintf("%8.3fs call %d of %s until %.3fs, room %d, %s: %s: status %d code %d taken %v fault %q",
				j.at(c.Began), c.Number, c.worker, j.at(c.Ended), c.Room, c.Sender, c.sent(), c.Status, c.Code, c.Taken, c.Fault))
		}
	}
	for _, x := range j.letters.all {
		if name != "" && x.record != nil && x.record.event.ID == name {
			lines = append(lines, fmt.Sprintf("%8.3fs letter: %v", j.at(x.at), x.headers))
		}
	}
	return lines
}

func (j *judge) at(t time.Time) float64 {
	if t.IsZero() {
		return -1
	}
	return t.Sub(j.run.began).Seconds()
}
