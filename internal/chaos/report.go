package chaos

import (
	"slices"
	"strings"
)

// Report is what became of a world.
type Report struct {
	Seed       uint64         `json:"seed"`
	TookMS     int64          `json:"tookMs"`       // of real time
	Seconds    float64        `json:"worldSeconds"` // of the world's own
	Events     int            `json:"events"`
	Calls      int            `json:"calls"`
	Sizes      map[string]int `json:"sizes"` // of the plan, for those who cut it down
	Violations []Violation    `json:"violations,omitempty"`
	Seen       map[string]int `json:"seen"`
}

// Violation is one promise that was broken.
type Violation struct {
	Rule    string `json:"rule"`    // I1 to I12, or what else a user may rely on
	Words   string `json:"words"`   // what was promised, and what was seen instead
	History string `json:"history"` // of the message that it is about, among all that happened
}

func (r *Run) report() *Report {
	x := &Report{
		Seed: r.plan.Seed, Seconds: r.now().Seconds(), Events: r.judge.published(), Calls: len(r.judge.calls),
		Sizes: r.plan.Sizes(), Violations: r.judge.found, Seen: r.cover.times,
	}
	for i := range x.Violations {
		x.Violations[i].History = r.history(r.judge.about[i])
	}
	return x
}

// history is the life of a message, among what happened; "" as its name: only what happened.
func (r *Run) history(name string) string {
	r.mu.Lock()
	lines := slices.Clone(r.notes)
	r.mu.Unlock()
	lines = append(lines, r.judge.life(name)...)
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:min(len(a), 9)], b[:min(len(b), 9)]) })
	return strings.Join(lines, "\n")
}
