//go:build e2e

package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// A worker that stands still for longer than its session, and wakes up when others have its partitions, sends
// nothing but calls that were past the check of the lease when it froze, and writes no letter (I3).
func TestAZombieDoesNothing(t *testing.T) {
	const inFlight, naps = 8, 3
	c := clusterOf(t, 1)
	proxied := c.proxied(t)
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, c, plan{latency: "40ms-120ms", settings: quick().with(settings{
				"max-in-flight": strconv.Itoa(inFlight), "brokers": strings.Join(proxied, ","),
			})})
			team := &crew{stand: s, static: kind.static, at: make([]*worker, 3)}
			gates := make([]*gate, len(team.at))
			names := make([]string, len(team.at))
			for i := range team.at {
				gates[i] = newGate(t, s.sim)
				names[i] = s.group + "-" + strconv.Itoa(i)
				team.at[i] = s.hire(t, "w"+strconv.Itoa(i), identityOf(i, kind.static).with(settings{
					"api-endpoint": gates[i].server.URL, "client-id": names[i],
				}))
			}
			team.ready(t)
			commits := watchCommits(t, s)
			s.producer.start()
			var f figures
			most := 0
			for n := range naps {
				i := n % len(team.at)
				if !team.busy(t, i, 20*time.Second) {
					t.Fatalf("%s has nothing to do: %s", team.at[i].name, team.at[i].lastWords())
				}
				z := zombie{worker: team.at[i], gate: gates[i], broker: c.brokers[0], client: names[i]}
				f.begin()
				most = max(most, z.nap(t, 5*time.Second, inFlight))
				wait(t, recovery)
				f.end()
			}
			r := s.close(t)
			commits.close(t)
			// Others wait for its session to end, and then for what is in doubt: a static member's for its lease, too.
			f.tell(t, r, "SIGSTOP beyond the session, SIGCONT, "+kind.name, slack*missed(t, kind.static))
			t.Logf("after SIGCONT, %s: %d times; at most %d calls of %d slots after waking up", kind.name, naps, most, inFlight)
			team.stopAll(t)
		})
	}
}

// missed is for how long partitions of a worker with the settings of quick that doesn't stir stand still, and a second
// more.
func missed(t *testing.T, static bool) time.Duration {
	t.Helper()
	d := time.Second + quick().sum(t, "session-timeout", "request-timeout")
	if static {
		d += quick().sum(t, "lease")
	}
	return d
}

// zombie is a worker with all that shows what it does.
type zombie struct {
	worker *worker
	gate   *gate
	broker *broker
	client string
}

// nap freezes the worker, and gives how many calls it made between waking up and being a member again.
func (z *zombie) nap(t *testing.T, length time.Duration, inFlight int) (calls int) {
	t.Helper()
	z.worker.freeze()
	wait(t, length)
	woke := time.Now()
	z.worker.thaw()
	var back line
	poll(t, 20*time.Second, z.worker.name+" is a member again", func() (bool, string) {
		l, ok := z.worker.logged("joined", woke)
		back = l
		return ok, z.worker.lastWords()
	})
	if _, ok := z.worker.logged("partitions lost", woke); !ok {
		t.Errorf("%s doesn't say that it lost its partitions", z.worker.name)
	}
	if calls = z.gate.between(woke, back.Time); calls > inFlight {
		t.Errorf("%s made %d calls after it woke up, and has %d slots", z.worker.name, calls, inFlight)
	}
	if n := z.broker.proxy.asked(z.client, keyProduce, woke, back.Time); n > 0 {
		t.Errorf("%s wrote letters in %d requests after it woke up", z.worker.name, n)
	}
	return calls
}
