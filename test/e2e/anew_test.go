//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"roomrelay/internal/imsim"
)

// A topic that is deleted and made anew is read from its beginning, though its offsets are those of the former one:
// nothing of that is sent any more, nor committed for the new one.
func TestTheTopicIsMadeAnew(t *testing.T) {
	c := clusterOf(t, 3)
	s := newStand(t, c, plan{settings: lasting.with(settings{"commit-every": "100ms"})})
	team := newCrew(t, s, 2, false)
	s.producer.start()
	wait(t, 3*time.Second)
	s.close(t)
	// Workers have some in their hands, and can't send them.
	s.misbehave(t, imsim.Rule{Name: "outage", Do: imsim.DoStatus, Status: 503})
	s.producer.some(t, 200)
	before := s.sim.stats(t).Calls
	poll(t, 20*time.Second, "workers try to send them", func() (bool, string) {
		return s.sim.stats(t).Calls > before+20, ""
	})
	f := figures{since: sinceFault}
	began := time.Now()
	s.remake(t)
	beyond := s.watchForCommitsBeyond(t)
	for _, w := range team.at {
		poll(t, 10*time.Second, w.name+" tells that the topic is another one", func() (bool, string) {
			_, told := w.logged("topic was deleted and made anew", began)
			return told, w.lastWords()
		})
	}
	t.Logf("noticed within %.1f s", time.Since(began).Seconds())
	s.misbehave(t)
	f.begin()
	// More than stood in the former one: but for its id, the topic looks like one that was published to.
	s.producer.some(t, 2000)
	r := s.close(t)
	f.end()
	// That the API is well again is found out by the next call, up to retry-max later.
	f.tell(t, r, "the topic is made anew", slack*boundGraceful+lasting.sum(t, "retry-max"))
	if r.Published != 2000 {
		t.Errorf("%d events stand in the new topic, want 2000", r.Published)
	}
	for _, b := range beyond() {
		t.Error(b)
	}
	for _, w := range team.at {
		for _, l := range w.lines() {
			if strings.Contains(l.raw, `"commit of a former topic"`) {
				t.Errorf("what was settled of the former topic was committed for the new one, as %s found: %s", w.name, l.raw)
			}
		}
	}
	team.stopAll(t)
}

// remake deletes the topic and makes it anew. Of what stood in it nothing is asked any more.
func (s *stand) remake(t *testing.T) {
	t.Helper()
	got, err := s.cluster.admin.DeleteTopics(t.Context(), s.topic)
	if err == nil {
		err = got.Error()
	}
	if err != nil {
		t.Fatalf("deleting the topic: %v", err)
	}
	s.cluster.createTopic(t, s.topic, s.partitions, map[string]*string{"message.timestamp.type": new("LogAppendTime")})
	if s.lettersAudited, err = s.cluster.endsOf(t.Context(), s.letterTopic()); err != nil {
		t.Fatalf("reading the ends of the dead-letter topic: %v", err)
	}
	s.audited, s.linesAudited = ends{}, len(s.producer.lines)
	s.producer.connect(t, s.cluster, s.topic)
}

// watchForCommitsBeyond looks for commits that name offsets which aren't written yet; the function it returns ends
// that.
func (s *stand) watchForCommitsBeyond(t *testing.T) (found func() []string) {
	ctx, end := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	var told []string
	watch.Go(func() {
		for waitFor(ctx, 50*time.Millisecond) {
			have, err := s.cluster.committed(ctx, s.group, s.topic)
			if err != nil {
				continue
			}
			to, err := s.cluster.endsOf(ctx, s.topic) // read after the commits: it only grows
			for p, offset := range have {
				if err == nil && offset > to[p] {
					told = append(told, fmt.Sprintf("of partition %d %d is committed, and the log ends at %d", p, offset, to[p]))
				}
			}
		}
	})
	return func() []string {
		end()
		watch.Wait()
		return slices.Compact(told)
	}
}

// A log loses its end when a replica that lagged behind becomes its leader. Workers tell the range, and send all that
// stands there afterwards: whether they notice at once, or the log has grown beyond their commit meanwhile.
func TestALogLosesItsEnd(t *testing.T) {
	c := breakable(t)
	s := newStand(t, c, plan{settings: lasting, partitions: 1, topic: map[string]*string{
		"unclean.leader.election.enable": new("true"), "min.insync.replicas": new("1"),
	}})
	two := []int32{c.brokers[0].id, c.brokers[1].id}
	var req kadm.AlterPartitionAssignmentsReq
	req.Assign(s.topic, 0, two)
	got, err := c.admin.AlterPartitionAssignments(t.Context(), req)
	if err == nil {
		err = got.Error()
	}
	if err != nil {
		t.Fatalf("giving the partition two replicas: %v", err)
	}
	c.whole(t)
	team := newCrew(t, s, 1, false)
	s.producer.start()
	wait(t, 2*time.Second)
	s.close(t)

	for _, x := range []struct {
		name    string
		stopped bool // no worker sees it happen
		after   int  // that many events are published then
	}{{"before their eyes", false, 30}, {"and has grown again", true, 250}} {
		began := time.Now()
		f := figures{since: sinceFault}
		from, to := s.loseEnd(t, 100, func() {
			if x.stopped {
				team.stopAll(t)
			}
		})
		if x.stopped {
			s.producer.some(t, x.after)
			c.whole(t)
			f.begin()
			team.hire(t, 0)
		} else {
			f.begin()
			s.producer.some(t, x.after)
		}
		s.wantCut(t, team.at[0], began, from, to)
		c.whole(t)
		r := s.close(t)
		f.end()
		f.tell(t, r, "a log loses its end, "+x.name, slack*boundTakeover)
		if r.Published < x.after {
			t.Errorf("%s: %d events were published in place of those that are lost, want %d", x.name, r.Published, x.after)
		}
	}
	team.stopAll(t)
}

// loseEnd makes the log of partition 0 lose n records that were acknowledged, shown and committed: they stand on the
// leader alone, which dies, and the other replica comes back without it; before that, first is called. It returns the
// range that is lost. The leader of before is back at the end, and follows.
func (s *stand) loseEnd(t *testing.T, n int, first func()) (from, to int64) {
	t.Helper()
	m, err := s.cluster.admin.Metadata(t.Context(), s.topic)
	if err != nil {
		t.Fatalf("asking for the leader: %v", err)
	}
	leader := s.cluster.broker(t, m.Topics[s.topic].Partitions[0].Leader)
	var other *broker
	for _, b := range s.cluster.brokers[:2] {
		if b != leader {
			other = b
		}
	}
	other.kill(t)
	poll(t, 30*time.Second, "the leader is alone", func() (bool, string) {
		m, err := s.cluster.admin.Metadata(t.Context(), s.topic)
		if err != nil {
			return false, err.Error()
		}
		return len(m.Topics[s.topic].Partitions[0].ISR) == 1, ""
	})
	before, err := s.cluster.endsOf(t.Context(), s.topic)
	if err != nil {
		t.Fatalf("reading the end of the log: %v", err)
	}
	s.producer.some(t, n)
	s.close(t)
	first()
	after, err := s.cluster.endsOf(t.Context(), s.topic)
	if err != nil {
		t.Fatalf("reading the end of the log: %v", err)
	}
	leader.kill(t)
	other.start(t)
	poll(t, time.Minute, "the replica that lagged behind leads", func() (bool, string) {
		ends, err := s.cluster.endsOf(t.Context(), s.topic)
		return err == nil && ends[0] == before[0], fmt.Sprint(ends, err)
	})
	leader.start(t)
	s.audited, s.linesAudited = before, len(s.producer.lines)
	return before[0], after[0]
}

// wantCut waits until the worker tells which records are lost.
func (s *stand) wantCut(t *testing.T, w *worker, since time.Time, from, to int64) {
	t.Helper()
	want := fmt.Sprintf(`"from":%d,"to":%d,`, from, to)
	poll(t, time.Minute, "the worker tells that offsets "+want+" are lost", func() (bool, string) {
		l, told := w.logged("partition's log was cut below what was read: the brokers have lost these records", since)
		return told && strings.Contains(l.raw, want), l.raw
	})
}
