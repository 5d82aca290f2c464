package main

import (
	"fmt"
	"strconv"
	"strings"
)

// mask says what of a drawn plan is kept. The zero mask keeps everything.
type mask struct {
	workers int // the first so many; 0: all
	// Indices in ascending order. nil: all; empty: none.
	bursts, rules, deeds []int
}

// String is the mask as a world is told it: "workers=1;bursts=0,3-5;rules=". A part that isn't named is
// kept whole.
func (m mask) String() string {
	var parts []string
	if m.workers > 0 {
		parts = append(parts, fmt.Sprint("workers=", m.workers))
	}
	list := func(name string, kept []int) {
		if kept != nil {
			parts = append(parts, name+"="+ranges(kept))
		}
	}
	list("bursts", m.bursts)
	list("rules", m.rules)
	list("deeds", m.deeds)
	return strings.Join(parts, ";")
}

// ranges writes neighbours as one: 0,3-5.
func ranges(kept []int) string {
	var parts []string
	for i := 0; i < len(kept); {
		from := i
		for i++; i < len(kept) && kept[i] == kept[i-1]+1; {
			i++
		}
		part := strconv.Itoa(kept[from])
		if last := kept[i-1]; last != kept[from] {
			part += "-" + strconv.Itoa(last)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}
