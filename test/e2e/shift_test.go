//go:build e2e

package e2e

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// assignment is which member, by its instance id or else its member id, holds which partitions.
func (s *stand) assignment(t testing.TB) map[string][]int32 {
	t.Helper()
	got, err := s.cluster.admin.DescribeGroups(t.Context(), s.group)
	if err == nil {
		err = got.Error()
	}
	if err != nil {
		t.Fatalf("asking who is in the group: %v", err)
	}
	held := map[string][]int32{}
	for _, m := range got[s.group].Members {
		name := m.MemberID
		if m.InstanceID != nil {
			name = *m.InstanceID
		}
		if a, ok := m.Assigned.AsConsumer(); ok {
			for _, x := range a.Topics {
				held[name] = append(held[name], x.Partitions...)
			}
		}
		slices.Sort(held[name])
	}
	return held
}

// balanced waits until n members hold all partitions, none more than one more than another.
func (s *stand) balanced(t testing.TB, n int) {
	t.Helper()
	poll(t, 30*time.Second, "the partitions are spread over "+strconv.Itoa(n), func() (bool, string) {
		got, err := s.cluster.admin.DescribeGroups(t.Context(), s.group)
		if err == nil {
			err = got.Error()
		}
		if err != nil {
			return false, err.Error()
		}
		if state := got[s.group].State; state != "Stable" {
			return false, "the group is " + state
		}
		return spread(got[s.group], int(s.partitions), n)
	})
}

func spread(g kadm.DescribedGroup, partitions, members int) (bool, string) {
	all := 0
	var counts []int
	for _, m := range g.Members {
		if a, ok := m.Assigned.AsConsumer(); ok {
			mine := 0
			for _, x := range a.Topics {
				mine += len(x.Partitions)
			}
			counts, all = append(counts, mine), all+mine
		}
	}
	ok := len(counts) == members && all == partitions && slices.Max(counts)-slices.Min(counts) <= 1
	return ok, "members hold so many each: " + strconv.Itoa(all) + " of " + strconv.Itoa(partitions)
}

// A rolling restart sends nothing twice; of static members it moves no partition, whoever leads the group (I1).
func TestARollingRestart(t *testing.T) {
	c := clusterOf(t, 1)
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, c, plan{settings: quick()})
			team := newCrew(t, s, 3, kind.static)
			s.balanced(t, 3)
			commits := watchCommits(t, s)
			before := s.assignment(t)
			s.producer.start()
			wait(t, time.Second)
			var f figures
			for i := range team.at {
				others := slices.Delete(slices.Clone(team.at), i, i+1)
				at := time.Now()
				f.begin()
				team.stop(t, i)
				team.hire(t, i)
				team.at[i].ready(t, 30*time.Second)
				s.balanced(t, 3)
				f.end()
				if kind.static {
					undisturbed(t, others, at)
				}
				wait(t, time.Second)
			}
			r := s.close(t)
			commits.close(t)
			f.tell(t, r, "rolling restart, "+kind.name, 2*time.Second)
			if r.duplicates > 0 || r.copies > 0 {
				t.Errorf("a restart in order sent %d messages again and wrote %d letters again", r.duplicates, r.copies)
			}
			if after := s.assignment(t); kind.static && !same(before, after) {
				t.Errorf("the restart moved partitions: %v, then %v", before, after)
			}
			team.stopAll(t)
		})
	}
}

// undisturbed fails the test if a worker joined again after a moment.
func undisturbed(t testing.TB, workers []*worker, since time.Time) {
	t.Helper()
	for _, w := range workers {
		if _, again := w.logged("joined", since); again {
			t.Errorf("%s saw a rebalance:\n%s", w.name, w.lastWords())
		}
	}
}

func same(a, b map[string][]int32) bool {
	for name, held := range a {
		if !slices.Equal(held, b[name]) {
			return false
		}
	}
	return len(a) == len(b)
}

// From one worker to three and back to one, under load: nothing is sent twice (I1).
func TestWorkersAreScaled(t *testing.T) {
	c := clusterOf(t, 1)
	for _, kind := range []struct {
		name   string
		static bool
		leave  bool
		bound  time.Duration
	}{
		{"dynamic", false, false, 2 * time.Second},
		{"static, leave-on-stop", true, true, 2 * time.Second},
		// A static member that doesn't leave is missed when its session is over.
		{"static", true, false, longer() + 5*time.Second},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, c, plan{settings: quick().with(settings{"leave-on-stop": strconv.FormatBool(kind.leave)})})
			team := newCrew(t, s, 1, kind.static)
			commits := watchCommits(t, s)
			s.producer.start()
			wait(t, time.Second)
			var up, down figures
			for n := 1; n < 3; n++ {
				up.begin()
				team.at = append(team.at, nil)
				team.hire(t, n)
				team.at[n].ready(t, 30*time.Second)
				s.balanced(t, n+1)
				up.end()
			}
			wait(t, time.Second)
			for n := 2; n > 0; n-- {
				down.begin()
				team.stop(t, n)
				team.at = team.at[:n]
				s.balanced(t, n)
				// What it had is taken up a little later.
				wait(t, time.Second)
				down.end()
			}
			r := s.close(t)
			commits.close(t)
			up.tell(t, r, "1 to 3 workers, "+kind.name, 2*time.Second)
			down.tell(t, r, "3 to 1 workers, "+kind.name, kind.bound)
			if r.duplicates > 0 || r.copies > 0 {
				t.Errorf("scaling sent %d messages again and wrote %d letters again", r.duplicates, r.copies)
			}
			team.stopAll(t)
		})
	}
}
