//go:build e2e

package e2e

import (
	"testing"
	"time"
)

// kinds are the two ways of being a member.
var kinds = []struct {
	name   string
	static bool
}{{"dynamic", false}, {"static", true}}

// Two groups of three workers are killed and killed again, at random moments with calls on their way.
func TestWorkersAreKilled(t *testing.T) {
	const rounds, each = 4, 26 // 208 kills of both kinds together
	c := clusterOf(t, 1)
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, c, plan{settings: quick()})
			team := newCrew(t, s, 3, kind.static)
			commits := watchCommits(t, s)
			for range rounds {
				s.producer.start()
				for range each {
					i := team.pick()
					team.kill(t, i)
					wait(t, team.moment(200*time.Millisecond))
					team.hire(t, i)
				}
				s.close(t)
			}
			commits.close(t)
			t.Logf("killed %d workers, %d of them with calls on their way", team.kills, team.inFlight)
			if team.inFlight < team.kills*8/10 {
				t.Errorf("too few workers were killed with calls on their way: %d of %d", team.inFlight, team.kills)
			}
			team.stopAll(t)
		})
	}
}

// How long one killed worker's partitions stand still, and what is sent again for it.
func TestHowLongAKillIsFelt(t *testing.T) {
	c := clusterOf(t, 1)
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, c, plan{settings: quick()})
			team := newCrew(t, s, 3, kind.static)
			s.producer.start()
			wait(t, 2*time.Second)
			var f figures
			for i := range team.at {
				f.begin()
				team.kill(t, i)
				team.hire(t, i)
				// Session, doubt and rebalance are over by then.
				wait(t, longer()+6*time.Second)
				f.end()
			}
			r := s.close(t)
			// A dynamic member is missed after its session, a static one is back at once; then what is in doubt
			// waits for the calls of the dead one, and a static one's for its lease, too.
			f.tell(t, r, "kill -9, "+kind.name, longer()+4*time.Second)
			team.stopAll(t)
		})
	}
}
