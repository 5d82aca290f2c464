package batcher

import "maps"

// shrinkFrom is the size below which a map's memory isn't worth a thought.
const shrinkFrom = 1 << 10

// shrunk gives a map of its own size to what is left of a far larger one. A Go map keeps its memory when
// entries are deleted, so a burst of a million rooms would leave its tables behind for ever. Copying an
// eighth of the peak, once, costs less than what its deletions have cost already.
func shrunk[K comparable, V any](m map[K]V, peak *int) map[K]V {
	if *peak < shrinkFrom || len(m) > *peak/8 {
		return m
	}
	*peak = len(m)
	return maps.Collect(maps.All(m))
}
