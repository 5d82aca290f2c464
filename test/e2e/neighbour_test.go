//go:build e2e

package e2e

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/internal/audit"
	"roomrelay/internal/chat"
)

// codecs are the compressions of a batch, by their number in it.
var codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// headerCodec says how the batch of a neighbour's record should be compressed.
const headerCodec = "codec"

// neighbour is a stand whose events are written, and whose letters are read, by a program that isn't ours.
type neighbour struct {
	*stand
	given []chat.Line
	wrote map[string]int // records with the header, by its value
}

func newNeighbour(t *testing.T, c *cluster) *neighbour {
	t.Helper()
	// Nobody dies here and nothing fails, so what is sent again was read twice: the time-outs are no short ones.
	s := newStand(t, c, plan{partitions: 2, bad: 0.1, settings: settings{"commit-every": "200ms"}})
	return &neighbour{stand: s, wrote: map[string]int{}}
}

// take gives the next lines that programs can write which end records at newlines; what comes between them is
// published here. The audit expects them all.
func (n *neighbour) take(t *testing.T, count int) (lines []chat.Line) {
	t.Helper()
	p := n.producer
	for len(lines) < count {
		l, ok := p.pull()
		switch {
		case !ok:
			t.Fatal("there are no more lines")
		case !writable(&l):
			p.publish(&l)
		default:
			p.mu.Lock()
			p.lines = append(p.lines, l)
			p.mu.Unlock()
			lines = append(lines, l)
		}
	}
	p.flush(t)
	n.given = append(n.given, lines...)
	return lines
}

// writable says whether the line is one line of text, and no other line is the same.
func writable(l *chat.Line) bool {
	return utf8.Valid(l.Value) && !bytes.ContainsAny(l.Value, "\n\t") && bytes.Contains(l.Value, []byte(l.MsgID))
}

// written joins the lines in a program's form: a key and a value, every other key absent, and a tombstone at the end.
func written(lines []chat.Line, format func(key, value []byte) string) string {
	var b strings.Builder
	for i, l := range lines {
		if i%2 > 0 {
			l.Key = nil
		}
		b.WriteString(format(l.Key, l.Value))
	}
	b.WriteString(format([]byte("gone"), nil))
	return b.String()
}

// close waits until everything is settled and makes the audit. Beyond what every audit demands, all that was given to
// the program stands in the topic, compressed as it was told, a room's events in one partition whoever wrote
// them; some of what stands there was aborted; and nothing was read twice.
func (n *neighbour) close(t *testing.T) *report {
	t.Helper()
	n.settle(t, time.Minute)
	r := n.audit(t)
	for _, l := range n.given {
		if r.firsts[audit.Message{Room: l.Room, MsgID: l.MsgID}] == nil {
			t.Errorf("line %d isn't in the topic: %q", l.Number, l.Value)
		}
	}
	n.compressed(t, r)
	n.together(t, r)
	everything, err := n.cluster.readAs(t.Context(), kgo.ReadUncommitted(), n.topic, ends{}, n.audited)
	if err != nil {
		t.Fatal(err)
	}
	aborted := len(everything) - len(r.records) - r.tombstones
	if aborted == 0 || r.duplicates > 0 || r.Invalid < 10 || r.DeadLettered == r.Invalid || r.tombstones == 0 {
		t.Errorf("%d records were aborted, %d tombstones written, %d messages sent twice, %s", aborted, r.tombstones, r.duplicates, r)
	}
	t.Logf("FIGURE %d records of a neighbour, compressed as in %v; %d more were aborted, and %d are tombstones", len(n.given), n.wrote, aborted, r.tombstones)
	return r
}

// compressed holds the batches against the header of their records.
func (n *neighbour) compressed(t *testing.T, r *report) {
	t.Helper()
	have := map[string]int{}
	for _, x := range r.records {
		if codec := header(x, headerCodec); codec != "" {
			have[codec]++
			if got := codecs[x.Attrs.CompressionType()]; got != codec {
				t.Errorf("record %d/%d is compressed with %s and should be with %s", x.Partition, x.Offset, got, codec)
			}
		}
	}
	if !maps.Equal(have, n.wrote) {
		t.Errorf("records by compression: %v; written: %v", have, n.wrote)
	}
}

// together holds that a key stands in one partition, though our producer wrote some of its records.
func (n *neighbour) together(t *testing.T, r *report) {
	t.Helper()
	at := map[string]int32{}
	for _, x := range r.records {
		if x.Key == nil {
			continue
		}
		if p, ok := at[string(x.Key)]; ok && p != x.Partition {
			t.Errorf("key %q stands in partition %d and in %d", x.Key, p, x.Partition)
		}
		at[string(x.Key)] = x.Partition
	}
}

// expectLetters holds what a program said of all letters against what stands in their topic: each as format writes it, and
// no others.
func (n *neighbour) expectLetters(t *testing.T, said string, format func(r *kgo.Record) string) {
	t.Helper()
	letters, err := n.cluster.read(t.Context(), n.letterTopic(), ends{}, n.lettersAudited)
	if err != nil {
		t.Fatal(err)
	}
	var keyed, without, nulls int
	for _, x := range letters {
		if want := format(x); !strings.Contains(said, want) {
			t.Errorf("of letter %d/%d isn't said: %q", x.Partition, x.Offset, want)
		}
		if x.Key == nil {
			without++
		} else {
			keyed++
		}
		for _, h := range x.Headers {
			if h.Value == nil {
				nulls++
			}
		}
	}
	if got := strings.Count(said, "roomrelay.reason"); got != len(letters) {
		t.Errorf("%d letters are said, and there are %d", got, len(letters))
	}
	if keyed == 0 || without == 0 || nulls == 0 {
		t.Errorf("%d letters with keys, %d without, %d headers that are null: too little for this to prove anything", keyed, without, nulls)
	}
}

// headersAs joins a record's headers as a program writes them.
func headersAs(r *kgo.Record, equals string) string {
	all := make([]string, len(r.Headers))
	for i, h := range r.Headers {
		all[i] = h.Key + equals + orNull(h.Value)
	}
	return strings.Join(all, ",")
}

// orNull is a text, or what programs are told to write, and read, where there is none.
func orNull(b []byte) string {
	if b == nil {
		return "NULL"
	}
	return string(b)
}

// sum is that of the ends.
func sum(of ends) (n int64) {
	for _, end := range of {
		n += end
	}
	return n
}
