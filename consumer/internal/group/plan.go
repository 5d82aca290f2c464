package group

import (
	"cmp"
	"slices"
)

// candidate is a member as the leader sees it.
type candidate struct {
	id         string
	order      string // the instance id where there is one: it outlives a restart
	owned      []int32
	generation int32 // of the claim on owned
	claims     []int32
	target     int
	gets       []int32
}

// plan divides the partitions 0 to n-1 among the members: each gets as many as any other, or one more;
// nothing moves that needn't; and what a member names as its own goes to nobody else. A partition that
// must move stays unassigned in this plan: its owner gives it up, joins again, and the next plan gives it
// to somebody. So two members never have one partition at a time, and what stays is never interrupted.
func plan(members []*candidate, n int) {
	if len(members) == 0 {
		return
	}
	slices.SortFunc(members, func(a, b *candidate) int { return cmp.Compare(a.order, b.order) })
	claimed := settleClaims(members, n)
	setTargets(members, n)
	for _, m := range members {
		m.gets = slices.Clone(m.claims[:min(len(m.claims), m.target)])
	}
	for p := range int32(n) {
		if claimed[p] {
			continue
		}
		// Whoever lacks most takes it.
		m := slices.MaxFunc(members, func(a, b *candidate) int {
			return cmp.Compare(a.target-len(a.gets), b.target-len(b.gets))
		})
		if len(m.gets) < m.target {
			m.gets = append(m.gets, p)
		}
	}
	for _, m := range members {
		slices.Sort(m.gets)
	}
}

// settleClaims fills in each member's claims. Of two members that name the same partition, the one with
// the higher generation has it: the other one is back after it had been dropped. At the same generation
// nobody can tell, and neither gets it: both give it up and join again.
func settleClaims(members []*candidate, n int) (claimed []bool) {
	claimed = make([]bool, n)
	best := make([]*candidate, n)
	tie := make([]bool, n)
	for _, m := range members {
		owned := slices.Clone(m.owned)
		slices.Sort(owned)
		for _, p := range slices.Compact(owned) {
			if p < 0 || int(p) >= n {
				continue
			}
			claimed[p] = true
			switch b := best[p]; {
			case b == nil || m.generation > b.generation:
				best[p], tie[p] = m, false
			case m.generation == b.generation:
				tie[p] = true
			}
		}
	}
	for p, m := range best {
		if m != nil && !tie[p] {
			m.claims = append(m.claims, int32(p))
		}
	}
	return claimed
}

// setTargets gives each member its share; where the partitions don't divide evenly, those with most
// claims get one more, so that as few as possible move.
func setTargets(members []*candidate, n int) {
	byClaims := slices.Clone(members)
	slices.SortStableFunc(byClaims, func(a, b *candidate) int { return cmp.Compare(len(b.claims), len(a.claims)) })
	for i, m := range byClaims {
		m.target = n / len(members)
		if i < n%len(members) {
			m.target++
		}
	}
}
