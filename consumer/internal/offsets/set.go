package offsets

import "sort"

// Run is the offsets from From up to, not including, To.
type Run struct{ From, To int64 }

// Set is a set of offsets: ascending runs that neither overlap nor touch and aren't empty.
type Set []Run

// Contains says that offset is in the set.
func (s Set) Contains(offset int64) bool {
	i := sort.Search(len(s), func(i int) bool { return s[i].To > offset })
	return i < len(s) && s[i].From <= offset
}

// from returns s without the runs that end at or below offset. It shares memory with s.
func (s Set) from(offset int64) Set {
	for len(s) > 0 && s[0].To <= offset {
		s = s[1:]
	}
	return s
}
