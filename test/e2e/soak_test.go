//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// envSoak is for how long the soak goes on.
const envSoak = "ROOMRELAY_TEST_SOAK"

// deed is something that befalls a crew.
type deed struct {
	name   string
	weight int
	do     func(testing.TB, *crew)
}

// deeds are all that befall workers, with how often they do among one another.
var deeds = []deed{
	{"kill", 8, func(t testing.TB, c *crew) {
		i := c.pick()
		c.kill(t, i)
		wait(t, c.moment(300*time.Millisecond))
		c.hire(t, i)
	}},
	{"kill, and be away", 2, func(t testing.TB, c *crew) {
		i := c.pick()
		c.kill(t, i)
		wait(t, 3*time.Second)
		c.hire(t, i)
	}},
	{"kill all", 1, func(t testing.TB, c *crew) {
		for i := range c.at {
			c.kill(t, i)
		}
		for i := range c.at {
			c.hire(t, i)
		}
	}},
	{"stop", 3, func(t testing.TB, c *crew) {
		i := c.pick()
		c.stop(t, i)
		c.hire(t, i)
	}},
	{"short nap", 2, func(t testing.TB, c *crew) { c.nap(t, 500*time.Millisecond) }},
	{"nap about as long as a session", 2, func(t testing.TB, c *crew) { c.nap(t, 1500*time.Millisecond+c.moment(time.Second)) }},
	{"long nap", 1, func(t testing.TB, c *crew) { c.nap(t, 4*time.Second) }},
	{"killed asleep", 1, func(t testing.TB, c *crew) {
		i := c.pick()
		c.befell("is frozen", c.at[i])
		c.at[i].freeze()
		wait(t, c.moment(3*time.Second))
		c.befell("is killed", c.at[i])
		c.at[i].kill()
		c.kills++
		c.hire(t, i)
	}},
	{"nothing", 1, func(t testing.TB, c *crew) { wait(t, c.moment(5*time.Second)) }},
}

// nap lets a worker stand still for a while.
func (c *crew) nap(t testing.TB, length time.Duration) {
	t.Helper()
	w := c.at[c.pick()]
	c.befell("is frozen", w)
	w.freeze()
	defer func() { c.befell("thaws", w); w.thaw() }()
	wait(t, length)
}

// draw chooses a deed.
func (c *crew) draw() deed {
	all := 0
	for _, d := range deeds {
		all += d.weight
	}
	turn := c.rng.IntN(all)
	for _, d := range deeds {
		if turn -= d.weight; turn < 0 {
			return d
		}
	}
	panic("unreachable: the weights add up")
}

// Workers come and go in all ways for as long as one likes, with an audit every half minute.
func TestSoak(t *testing.T) {
	if os.Getenv(envSoak) == "" {
		t.Skipf("%s says for how long: it isn't set", envSoak)
	}
	length, err := time.ParseDuration(os.Getenv(envSoak))
	if err != nil {
		t.Fatalf("%s: %v", envSoak, err)
	}
	end := time.Now().Add(length)
	c := clusterOf(t, 1)
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, c, plan{settings: quick()})
			team := newCrew(t, s, 3, kind.static)
			commits := watchCommits(t, s)
			done := map[string]int{}
			events, duplicates := 0, int64(0)
			for began := time.Now(); time.Now().Before(end) && !t.Failed(); {
				s.producer.start()
				for pause := time.Now().Add(30 * time.Second); time.Now().Before(pause); {
					d := team.draw()
					d.do(t, team)
					done[d.name]++
					wait(t, team.moment(500*time.Millisecond))
				}
				r := s.close(t)
				events, duplicates = events+r.Published, duplicates+r.duplicates
				t.Logf("after %v: %d events, %d sent again flagged, %d workers killed (%d with calls on their way); %s", time.Since(began).Round(time.Second),
					events, duplicates, team.kills, team.inFlight, counts(done))
			}
			commits.close(t)
			team.stopAll(t)
		})
	}
}

func counts(done map[string]int) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(done)) {
		text = append(text, fmt.Sprintf("%s %d", name, done[name]))
	}
	return strings.Join(text, ", ")
}
