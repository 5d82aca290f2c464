package consumer

import (
	"testing"
)

func TestAWatcherReadsWhatACommitSettles(t *testing.T) {
	// 120 is committed; 121 to 122 and 130 are settled beyond it: gaps and lengths are 1 2, 7 1.
	const metadata = "roomrelay/1:120:340:w:::AQIHAQ"
	p := ReadProgress(120, metadata)
	for offset, want := range map[int64]bool{0: true, 119: true, 120: false, 121: true, 122: true, 123: false, 129: false, 130: true, 131: false} {
		if p.Settled(offset) != want {
			t.Errorf("offset %d: settled is %v", offset, !want)
		}
	}
	for name, p := range map[string]Progress{
		"moved by a reset":        ReadProgress(121, metadata),
		"another client's":        ReadProgress(120, "x"),
		"without metadata":        ReadProgress(120, ""),
		"beyond what was settled": ReadProgress(120, "roomrelay/1:120:340:w:::"),
	} {
		if p.Settled(121) && p.Offset == 120 || p.Settled(130) || !p.Settled(119) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
