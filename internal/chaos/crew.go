package chaos

import (
	"time"

	"roomrelay/internal/world"
)

// member is one worker, and under which instance id it began.
type member struct {
	worker    *world.Worker
	instance  string
	wall      *clock
	displaced time.Time // when another one last began, or joined, under the same instance id; zero: none did
}

// hears says that what the API answers reaches the worker at once: its link has been sound for a while.
func (r *Run) hears(worker string) bool {
	x := r.worker(worker)
	since, sound := x.API.SoundSince()
	return sound && time.Since(since) > 2*requestTimeout
}

// hesitated says for how long calls of the last second may have waited for connections: so much earlier they began, and
// they come in another pace than that.
func (r *Run) hesitated(worker string) time.Duration {
	return r.worker(worker).API.Hesitated(time.Now().Add(-time.Second - requestTimeout))
}

// mayProbe says that attempts of the worker may have ended on their way lately, where nobody sees them: what it
// sends may be a probe.
func (r *Run) mayProbe(worker string) bool {
	since, sound := r.worker(worker).API.SoundSince()
	return !sound || !since.IsZero() && time.Since(since) < 30*time.Second
}

// worker finds a worker by its name; instance is its instance id.
func (r *Run) worker(name string) *world.Worker {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.crew[name].worker
}

// alive are the members of the crew that haven't ended.
func (r *Run) alive() (all []member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.crew {
		if _, ended := m.worker.Ended(); !ended {
			all = append(all, m)
		}
	}
	return all
}

// displace notes that somebody joins as new under an instance id. Where several are alive who bear it, each
// takes the place of the others, the one that came first too: frozen before it had joined, it joins when it thaws,
// and displaces who had taken its place.
func (r *Run) displace(instance string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var alive []string
	for name, m := range r.crew {
		if _, ended := m.worker.Ended(); !ended && m.instance == instance {
			alive = append(alive, name)
		}
	}
	if len(alive) < 2 {
		return
	}
	for _, name := range alive {
		m := r.crew[name]
		m.displaced = time.Now()
		r.crew[name] = m
	}
}

// displaced says that another worker has the instance id of this one, which may not know it yet: its lease
// runs on.
func (r *Run) displaced(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := r.crew[name].displaced
	return !at.IsZero() && time.Since(at) < r.plan.Setting.Lease+requestTimeout
}

// usurped says that some worker was displaced, at any time.
func (r *Run) usurped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.crew {
		if !m.displaced.IsZero() {
			return true
		}
	}
	return false
}

// twins says that a displaced worker may be alive without knowing it.
func (r *Run) twins() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.crew {
		if !m.displaced.IsZero() && time.Since(m.displaced) < r.plan.Setting.Lease+2*requestTimeout {
			return true
		}
	}
	return false
}

// wall is the worker's wall clock.
func (r *Run) wall(name string) *clock {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.crew[name].wall
}

func (r *Run) instance(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.crew[name].instance
}
