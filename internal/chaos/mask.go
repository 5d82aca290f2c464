package chaos

import (
	"fmt"
	"strconv"
	"strings"

	"roomrelay/internal/imsim"
)

// Sizes are how many of everything that can be left out a plan has.
func (p *Plan) Sizes() map[string]int {
	return map[string]int{"workers": p.Setting.Workers, "bursts": len(p.Bursts), "rules": len(p.Rules), "deeds": len(p.Deeds)}
}

// Keep cuts a plan down to what a mask names, such as "workers=1;bursts=0,3-5;rules=;deeds=2": the first so
// many workers, and of the lists what stands at these places. What the mask doesn't name stays whole.
func (p *Plan) Keep(mask string) error {
	for part := range strings.SplitSeq(mask, ";") {
		if part == "" {
			continue
		}
		name, list, ok := strings.Cut(part, "=")
		if !ok {
			return fmt.Errorf("mask %q: %q has no =", mask, part)
		}
		if name == "workers" {
			n, err := strconv.Atoi(list)
			if err != nil || n < 1 {
				return fmt.Errorf("mask %q: %q is no number of workers", mask, list)
			}
			p.Setting.Workers = min(p.Setting.Workers, n)
			continue
		}
		places, err := placesOf(list)
		if err != nil {
			return fmt.Errorf("mask %q: %w", mask, err)
		}
		switch name {
		case "bursts":
			p.Bursts = kept(p.Bursts, places)
		case "rules":
			p.Rules = kept[imsim.Rule](p.Rules, places)
		case "deeds":
			p.Deeds = kept(p.Deeds, places)
		default:
			return fmt.Errorf("mask %q: %q is unknown: take workers, bursts, rules, deeds", mask, name)
		}
	}
	return nil
}

func placesOf(list string) (map[int]bool, error) {
	places := map[int]bool{}
	for item := range strings.SplitSeq(list, ",") {
		if item == "" {
			continue
		}
		first, last, isRange := strings.Cut(item, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || to < from || to-from > 1<<16 {
			return nil, fmt.Errorf("%q is no place", item)
		}
		for i := from; i <= to; i++ {
			places[i] = true
		}
	}
	return places, nil
}

func kept[T any](all []T, places map[int]bool) []T {
	var some []T
	for i, x := range all {
		if places[i] {
			some = append(some, x)
		}
	}
	return some
}
