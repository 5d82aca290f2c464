package main

import "roomrelay/bench/internal/figures"

// plainResult is a scenario's result for programs: durations are nanoseconds.
type plainResult struct {
	Name    string       `json:"name"`
	About   string       `json:"about"`
	LeftOut string       `json:"leftOut,omitempty"`
	Void    string       `json:"void,omitempty"` // why it proves nothing
	Broken  []string     `json:"broken,omitempty"`
	Worker  []*outcome   `json:"worker"`
	Rivals  []plainRival `json:"rivals,omitempty"`
	Aims    []plainAim   `json:"aims,omitempty"`
}

type plainRival struct {
	Name   string                    `json:"name"`
	Runs   []*outcome                `json:"runs"`
	Ratios map[string]figures.Spread `json:"ratios"`
}

type plainAim struct {
	Text    string `json:"text"`
	Reached bool   `json:"reached"`
}

// plain is the report for programs.
func (r *report) plain() any {
	all := []plainResult{}
	for _, x := range r.results {
		p := plainResult{Name: x.scenario.name, About: x.scenario.about, LeftOut: x.skipped, Worker: x.own}
		if len(x.own) > 0 {
			p.Void, p.Broken = x.bound(), x.broken()
			for i, rival := range x.scenario.against {
				ratios := map[string]figures.Spread{}
				for _, m := range rival.by {
					ratios[m.name] = x.ratio(m, i)
				}
				p.Rivals = append(p.Rivals, plainRival{rival.label, x.others[i], ratios})
			}
			for _, a := range x.scenario.aims {
				ok, _ := x.reached(a)
				p.Aims = append(p.Aims, plainAim{x.aimText(a), ok})
			}
		}
		all = append(all, p)
	}
	return map[string]any{"machine": r.Machine, "began": r.Began, "pairs": r.Pairs, "scenarios": all}
}
