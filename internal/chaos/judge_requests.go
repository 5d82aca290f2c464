package chaos

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/world"
)

// asked looks at a request of a worker to Kafka before it goes out.
func (j *judge) asked(x *world.Worker, f world.Frame) {
	switch kmsg.Key(f.Key) {
	case kmsg.OffsetCommit, kmsg.SyncGroup, kmsg.Fetch, kmsg.Produce:
	case kmsg.JoinGroup:
		j.run.statesOf(x, "in a rebalance")
		j.mu.Lock()
		l := &j.conduct(x.Name).lease
		l.joining, l.joined = true, time.Now()
		j.mu.Unlock()
		j.sample()
		return
	case kmsg.LeaveGroup:
		if s := &j.run.plan.Setting; s.Static && !s.LeaveOn {
			j.violate("leave", "%s has an instance id and leaves the group, though leave-on-stop is off", "", x.Name)
		}
		return
	default:
		return
	}
	q := f.Request()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.catchUp()
	switch q := q.(type) {
	case *kmsg.SyncGroupRequest:
		if j.members[q.MemberID] == "" {
			// What was on its way for an earlier membership tells the worker nothing of its rooms.
			w := j.conduct(x.Name)
			clear(w.rooms)
			w.joined, w.unclear = time.Now(), time.Now().Add(requestTimeout)
		}
		j.members[q.MemberID] = x.Name
	case *kmsg.OffsetCommitRequest:
		j.members[q.MemberID] = x.Name
		j.conduct(x.Name).lease.commits()
		j.committing(x.Name, q)
	case *kmsg.FetchRequest:
		j.fetching(x.Name, q)
	case *kmsg.ProduceRequest:
		j.writing(x.Name, q)
	}
}

// committing holds a commit to I1, I2 and I3, and to what it says of what may have been sent.
func (j *judge) committing(worker string, q *kmsg.OffsetCommitRequest) {
	g := j.ground()
	j.hold(j.conduct(worker), &g)
	for _, t := range q.Topics {
		for _, p := range t.Partitions {
			meta := ""
			if p.Metadata != nil {
				meta = *p.Metadata
			}
			c := commitOf(p.Offset, meta)
			if int(p.Partition) >= len(j.books.logs) {
				continue
			}
			if !c.ours {
				j.blame("I2", "", "%s commits %d of partition %d with metadata %q, which says nothing", worker, p.Offset, p.Partition, meta)
				continue
			}
			j.passes(worker, p.Partition, &c)
			// The broker takes only what comes from a member of now.
			if g.owner[p.Partition] == "" || q.Generation != g.epoch {
				continue
			}
			if owner, foreign := j.stranger(&g, p.Partition, worker); foreign && j.isMember(&g, q.MemberID) && !j.run.displaced(worker) {
				j.blame("I3", "", "%s commits %d of partition %d, which is %s's", worker, p.Offset, p.Partition, owner)
			}
			if g.owner[p.Partition] == q.MemberID {
				j.remembers(worker, p.Partition, &c)
				j.keeps(worker, p.Partition, c.offset, g.stored[p.Partition].offset)
			}
		}
	}
}

func (j *judge) isMember(g *ground, member string) bool {
	for _, m := range g.owner {
		if m == member {
			return true
		}
	}
	return false
}

// passes is I2: what a commit calls settled was shown, or is a letter that Kafka has.
func (j *judge) passes(worker string, partition int32, c *commit) {
	l := j.books.logs[partition]
	if c.offset > int64(len(l.records)) {
		j.blame("I2", "", "%s commits %d of partition %d, whose log ends at %d", worker, c.offset, partition, len(l.records))
		return
	}
	check := func(from, to int64) {
		for o := from; o < min(to, int64(len(l.records))); o++ {
			if x := l.records[o]; !x.settled() {
				j.letters.read(j)
				if !x.settled() {
					j.blame("I2", x.event.ID, "%s commits that offset %d of partition %d has its outcome, but it was neither shown nor is it a letter", worker, o, partition)
				}
			}
		}
	}
	check(l.clear, c.offset)
	l.clear = max(l.clear, c.offset)
	for _, r := range c.runs {
		check(max(r[0], l.clear), r[1])
	}
}

// keeps is I1: an owner doesn't take back what is committed. Only an operator's mistake, a commit of what isn't written
// yet, is corrected.
func (j *judge) keeps(worker string, partition int32, offset, stored int64) {
	if offset < stored && stored <= int64(len(j.books.logs[partition].records)) {
		j.blame("I1", "", "%s commits %d of partition %d, though %d is committed already", worker, offset, partition, stored)
	}
}

// remembers holds a commit to what makes a crash harmless: whoever reads it knows of all that may have
// reached the API and has no outcome.
func (j *judge) remembers(worker string, partition int32, c *commit) {
	records := j.books.logs[partition].records
	for o := max(c.sentTo, c.offset); o < int64(len(records)); o++ {
		x := records[o]
		if x.entry == nil || !x.entry.may || c.settles(o) || x.deleted || len(x.entry.records) > 1 {
			continue
		}
		j.blame("I5", x.event.ID, "%s commits %d of partition %d with sentTo %d, but offset %d may have reached the API", worker, c.offset, partition, c.sentTo, o)
		return
	}
}

// position is how far a worker has fetched a partition, and when it last asked.
type position struct {
	offset int64
	at     time.Time
}

// fetching is I7: what a worker has fetched and not settled stays within its bounds. A fetch from an offset
// says that everything before it was handed on. A partition that isn't asked for any more may be anybody's.
func (j *judge) fetching(worker string, q *kmsg.FetchRequest) {
	w := j.conduct(worker)
	for _, t := range q.Topics {
		for _, p := range t.Partitions {
			if int(p.Partition) < len(j.books.logs) {
				w.fetched[p.Partition] = position{p.FetchOffset, time.Now()}
			}
		}
	}
	most := j.run.plan.Setting.MaxEvents + len(w.fetched) // one record is always admitted
	since, sound := j.run.worker(worker).Kafka.SoundSince()
	if !sound || time.Since(since) < 2*requestTimeout || j.held(w) <= most {
		return // one that has just heard of a loss asks once more for what it had
	}
	g := j.ground()
	for p := range w.fetched {
		if j.members[g.owner[p]] != worker {
			delete(w.fetched, p) // it was given up meanwhile
		}
	}
	j.letters.read(j)
	if held := j.held(w); held > most {
		j.blame("I7", "", "%s has fetched %d events that have no outcome; its bound is %d", worker, held, j.run.plan.Setting.MaxEvents)
	}
}

// held counts what a worker has fetched and what has no outcome.
func (j *judge) held(w *conduct) (held int) {
	for p, to := range w.fetched {
		if time.Since(to.at) > time.Second {
			continue
		}
		l := j.books.logs[p]
		for o := l.clear; o < min(to.offset, int64(len(l.records))); o++ {
			if !l.records[o].settled() {
				held++
			}
		}
	}
	return held
}

// writing is I3 for letters: none is begun by a worker whose partition is another's.
func (j *judge) writing(worker string, q *kmsg.ProduceRequest) {
	j.leased(j.conduct(worker), time.Now(), aLetter)
	for _, t := range q.Topics {
		if t.Topic != world.Letters {
			j.blame("I3", "", "%s writes to topic %q", worker, t.Topic)
			continue
		}
		g := j.ground()
		for _, p := range t.Partitions {
			// Partitions that were added later share those of the letters.
			n := int32(j.run.plan.Setting.Partitions)
			mine, owner := false, ""
			for source := p.Partition; int(source) < len(j.books.logs); source += n {
				o, foreign := j.stranger(&g, source, worker)
				if !foreign {
					mine = true
				}
				owner = o
			}
			if !mine && !j.run.displaced(worker) {
				j.blame("I3", "", "%s writes a letter of partition %d, which is %s's", worker, p.Partition, owner)
			}
		}
	}
}
