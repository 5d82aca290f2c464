package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// report is a line that a test process writes: that a world begins, or what came of it.
type report struct {
	Seed         uint64         `json:"seed"`
	Begun        bool           `json:"begun"`
	TookMs       float64        `json:"tookMs"`
	WorldSeconds float64        `json:"worldSeconds"`
	Events       int            `json:"events"`
	Calls        int            `json:"calls"`
	Sizes        sizes          `json:"sizes"`
	Violations   []violation    `json:"violations"`
	Seen         map[string]int `json:"seen"`

	cut bool // the world didn't come to its end, and so told nothing but its seed
}

// sizes are how many there are of what a plan is made of.
type sizes struct {
	Workers int `json:"workers"`
	Bursts  int `json:"bursts"`
	Rules   int `json:"rules"`
	Deeds   int `json:"deeds"`
}

// violation is a promise that was broken, and how it came to that.
type violation struct {
	Rule    string `json:"rule"`
	Words   string `json:"words"`
	History string `json:"history"`
}

// The rules of what no world can report itself.
const (
	ruleCrash = "crash"
	ruleRace  = "race"
	ruleHang  = "hang"
)

// of is the first violation of a rule.
func (r report) of(rule string) (violation, bool) {
	for _, v := range r.Violations {
		if v.Rule == rule {
			return v, true
		}
	}
	return violation{}, false
}

// headline is what is told of a violation at first.
func (v violation) headline() string {
	first, _, _ := strings.Cut(v.Words, "\n")
	return v.Rule + " " + first
}

func readReport(line []byte) (report, error) {
	var r report
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("reading the report %q: %w", line, err)
	}
	return r, nil
}
