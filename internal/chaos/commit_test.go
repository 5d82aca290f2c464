package chaos

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// metaOf is metadata as roomrelay writes it: the settled runs as how many are not, and how many are, in turn.
func metaOf(offset, sentTo int64, owner string, counts ...uint64) string {
	var raw []byte
	for _, n := range counts {
		raw = binary.AppendUvarint(raw, n)
	}
	return fmt.Sprintf("roomrelay/1:%d:%d:%s:::%s", offset, sentTo, owner, base64.RawURLEncoding.EncodeToString(raw))
}

func TestACommitIsReadAsItIsWritten(t *testing.T) {
	for _, x := range []struct {
		offset int64
		meta   string
		sentTo int64
		runs   [][2]int64
	}{
		{120, "roomrelay/1:120:340:worker-0:Zlj2eRLQQ4mGlVv3LUBbQw:7:AQICBA", 340, [][2]int64{{121, 123}, {125, 129}}}, // as the documents show it
		{120, metaOf(120, 340, "worker-0", 1, 2, 2, 4), 340, [][2]int64{{121, 123}, {125, 129}}},
		{0, metaOf(0, 0, ""), 0, nil},
		{3, metaOf(3, 3, "", 0, 1), 3, [][2]int64{{3, 4}}}, // settled and not counted yet
		{7, metaOf(7, 9, "a%3Ab+c%2F", 1, 1), 9, [][2]int64{{8, 9}}},
		{1 << 40, metaOf(1<<40, 1<<41, "w", 300, 70_000), 1 << 41, [][2]int64{{1<<40 + 300, 1<<40 + 70_300}}},
		{5, metaOf(5, 6, strings.Repeat("w", 4096-len(metaOf(5, 6, "")))), 6, nil}, // the most that Kafka takes
	} {
		c := commitOf(x.offset, x.meta)
		if !c.ours || c.offset != x.offset || c.meta != x.meta || c.sentTo != x.sentTo || !slices.Equal(c.runs, x.runs) {
			t.Errorf("%.60q: %+v, want %+v", x.meta, c, x)
		}
	}
}

func TestMetadataThatIsNotOfThisCommitSaysNothing(t *testing.T) {
	raw := func(bytes ...byte) string {
		return "roomrelay/1:10:20::::" + base64.RawURLEncoding.EncodeToString(bytes)
	}
	for name, meta := range map[string]string{
		"none":                           "",
		"another client's":               "some text",
		"another program's":              "chatrelay/1:10:20::::",
		"another version's":              "roomrelay/2:10:20::::",
		"the name alone":                 "roomrelay/1:",
		"a field missing":                "roomrelay/1:10:20:::",
		"a field too many":               "roomrelay/1:10:20:::::",
		"a lower offset's":               "roomrelay/1:9:20::::",
		"a higher offset's":              "roomrelay/1:11:20::::",
		"sentTo below its offset":        "roomrelay/1:10:9::::",
		"an offset that isn't a number":  "roomrelay/1:ten:20::::",
		"a sentTo that isn't a number":   "roomrelay/1:10:20.5::::",
		"a sentTo beyond all numbers":    "roomrelay/1:10:99999999999999999999::::",
		"runs that aren't base64url":     "roomrelay/1:10:20::::?",
		"runs with padding":              "roomrelay/1:10:20::::AQ==",
		"runs in the other alphabet":     "roomrelay/1:10:20::::++//",
		"a run without its length":       raw(1),
		"a run whose gap is cut":         raw(0x81),
		"a run whose length is cut":      raw(1, 0x81),
		"a gap of more than 64 bits":     raw(255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 1),
		"whole runs and then half a one": raw(1, 2, 1),
		"longer than Kafka takes":        metaOf(10, 20, strings.Repeat("w", 4097-len(metaOf(10, 20, "")))),
	} {
		c := commitOf(10, meta)
		if c.ours || c.offset != 10 || c.meta != meta || c.sentTo != 0 || c.runs != nil {
			t.Errorf("%s: %+v", name, c)
		}
		if !c.settles(9) || c.settles(10) || c.settles(11) {
			t.Errorf("%s: it settles other than what is below it", name)
		}
		if c.announces(9) || c.announces(10) {
			t.Errorf("%s: it announces", name)
		}
	}
}

func TestACommitSettlesWhatIsBelowItAndInItsRuns(t *testing.T) {
	c := commitOf(120, metaOf(120, 340, "", 1, 2, 2, 4))
	settled := []int64{0, 119, 121, 122, 125, 126, 127, 128}
	for _, o := range []int64{0, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 339, 340} {
		if got, want := c.settles(o), slices.Contains(settled, o); got != want {
			t.Errorf("offset %d: %v, want %v", o, got, want)
		}
	}
}

func TestACommitAnnouncesWhatIsBelowItsSentTo(t *testing.T) {
	c := commitOf(120, metaOf(120, 340, "", 1, 2))
	for o, want := range map[int64]bool{0: true, 120: true, 122: true, 339: true, 340: false, 341: false} {
		if got := c.announces(o); got != want {
			t.Errorf("offset %d: %v, want %v", o, got, want)
		}
	}
	if c := commitOf(120, metaOf(120, 120, "")); c.announces(120) || !c.announces(119) {
		t.Error("one that announces nothing beyond itself")
	}
}
