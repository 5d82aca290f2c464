package deadletter

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"roomrelay/event"
	"roomrelay/internal/cluster"
	"roomrelay/internal/fetch"
)

// checkpoint is what a reading of a partition found, for the next one: from where on it has to read, and which
// records before that still count. It stands on the partition itself, as a record with HeaderCheckpoint, so
// that whoever reads next finds it, and it goes with the topic. Losing it costs time alone.
type checkpoint struct {
	Version   int    `json:"version"`
	Cluster   string `json:"cluster"` // a mirrored topic has other offsets
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Next      int64  `json:"next"` // to be read from here on

	Outstanding packed         `json:"outstanding"` // offsets below Next of letters that were
	Also        packed         `json:"also"`        // of letters on their way, of their marks, and of marks that were new
	Done        map[string]int `json:"done"`        // letters done below Next, by group
	Taken       int            `json:"taken"`       // letters that retention took outstanding, as far as it was seen
}

const checkpointVersion = 1

const (
	// rememberFrom is how many records a reading must have gone through for a checkpoint to be worth it: as
	// many are read in less time than one takes to be written.
	rememberFrom = 10_000
	// mostKept is how many offsets a checkpoint holds; more of what isn't done must be read anyway. They take
	// at most 3 bytes each, mostly one.
	mostKept = 50_000
	// newMarks is how long a mark counts as new: a copy of its letter may still come.
	newMarks = 15 * time.Minute
)

// packed is ascending offsets, as differences.
type packed []int64

// MarshalText packs.
func (p packed) MarshalText() ([]byte, error) {
	var raw []byte
	last := int64(0)
	for _, o := range p {
		raw = binary.AppendUvarint(raw, uint64(o-last))
		last = o
	}
	return base64.RawStdEncoding.AppendEncode(nil, raw), nil
}

var errPacked = errors.New("damaged offsets in a checkpoint")

// UnmarshalText unpacks.
func (p *packed) UnmarshalText(text []byte) error {
	raw, err := base64.RawStdEncoding.AppendDecode(nil, text)
	if err != nil {
		return errPacked
	}
	*p = nil
	last := int64(0)
	for len(raw) > 0 {
		d, n := binary.Uvarint(raw)
		if n <= 0 || d > 1<<62 || last+int64(d) < last || len(*p) > 0 && d == 0 {
			return errPacked
		}
		last += int64(d)
		*p = append(*p, last)
		raw = raw[n:]
	}
	return nil
}

// kept is all that has to be read again, in order.
func (c *checkpoint) kept(from int64) []int64 {
	all := slices.Concat(c.Outstanding, c.Also)
	slices.Sort(all)
	all = slices.Compact(all)
	i, _ := slices.BinarySearch(all, from)
	return all[i:]
}

// gone is how many letters were outstanding and aren't there any more.
func (c *checkpoint) gone(first int64) int {
	i, _ := slices.BinarySearch(c.Outstanding, first)
	return i
}

// windows are how far from the end a checkpoint is looked for. Beyond the last one it would save little.
var windows = []int64{200, 4_000, 40_000}

// find looks for the newest checkpoint of a partition; nil: there is none that can be used.
func (b *books) find(ctx context.Context, r cluster.Range) (found *checkpoint, err error) {
	to := r.End
	for _, w := range windows {
		from := max(r.First, r.End-w)
		err := b.desk.Client.Scan(ctx, b.desk.Topic, r.Partition, from, to, func(x *fetch.Record) error {
			if c := readCheckpoint(x); c != nil && b.usable(c, r, x.Offset) {
				found = c
			}
			return nil
		})
		if err != nil || found != nil || from == r.First {
			return found, err
		}
		to = from
	}
	return nil, nil
}

// readCheckpoint is what a record says if it is a checkpoint that can be read.
func readCheckpoint(x *fetch.Record) *checkpoint {
	if once(x.Headers, HeaderCheckpoint) == "" {
		return nil
	}
	c := &checkpoint{}
	if json.Unmarshal(x.Value, c) != nil || c.Version != checkpointVersion {
		return nil
	}
	return c
}

// usable says that a checkpoint speaks of this partition as it is.
func (b *books) usable(c *checkpoint, r cluster.Range, at int64) bool {
	last := func(p packed) int64 {
		if len(p) == 0 {
			return -1
		}
		return p[len(p)-1]
	}
	return c.Cluster == b.cluster && c.Topic == b.desk.Topic && c.Partition == r.Partition &&
		c.Next <= at && last(c.Outstanding) < c.Next && last(c.Also) < c.Next
}

// resume puts onto the shelf what a checkpoint kept.
func (b *books) resume(ctx context.Context, s *shelf, c *checkpoint, r cluster.Range, each func(*fetch.Record) error) error {
	for group, n := range c.Done {
		s.done[group] += n
	}
	s.resuming = true
	defer func() { s.resuming = false }()
	return b.desk.Client.ScanSome(ctx, b.desk.Topic, r.Partition, c.kept(r.First), each)
}

// keep makes the shelf's checkpoint; nil: it isn't worth it, or too much isn't done. It must come before the
// shelves are joined.
func (b *books) keep(s *shelf, next int64, now time.Time) *checkpoint {
	worth := s.read >= b.rememberFrom() && len(s.open) < s.read
	if b.reading.whole() {
		// One that was there may have been wrong. Readings that want more than letters don't look for one.
		worth = b.reading.Full && (worth || s.resumed)
	}
	if !worth || s.foreign || len(s.open) > mostKept {
		return nil
	}
	c := &checkpoint{Version: checkpointVersion, Cluster: b.cluster, Topic: b.desk.Topic, Partition: s.partition, Next: next, Done: s.done, Taken: s.taken}
	for _, e := range s.open {
		if e.State == Outstanding {
			c.Outstanding = append(c.Outstanding, e.Place.Offset)
			continue
		}
		c.Also = append(c.Also, e.Place.Offset)
		for _, m := range e.Marks {
			c.Also = append(c.Also, m.Place.Offset)
		}
	}
	for _, half := range []map[key]coveredBy{s.covered.newer, s.covered.older} {
		for _, m := range half {
			if now.Sub(m.written.Time()) < newMarks {
				c.Also = append(c.Also, m.offset)
			}
		}
	}
	slices.Sort(c.Outstanding)
	slices.Sort(c.Also)
	c.Also = slices.Compact(c.Also)
	if len(c.Outstanding)+len(c.Also) > mostKept {
		return nil
	}
	return c
}

func (b *books) rememberFrom() int {
	if b.desk.RememberFrom > 0 {
		return b.desk.RememberFrom
	}
	return rememberFrom
}

// rememberWithin bounds the writing of checkpoints, for which nobody wants to wait.
const rememberWithin = 5 * time.Second

// remember writes checkpoints, if that can be done: who may only read leaves none, and without them the next
// reading takes longer. So nothing is said of what fails.
func (d *Desk) remember(ctx context.Context, all []*checkpoint) {
	ctx, cancel := context.WithTimeout(ctx, rememberWithin)
	defer cancel()
	for _, c := range all {
		value, err := json.Marshal(c)
		if err == nil {
			_, err = d.Client.Append(ctx, d.Topic, c.Partition, []cluster.Message{{
				Value: value, Headers: []event.Header{{Key: HeaderCheckpoint, Value: []byte{'0' + checkpointVersion}}},
			}})
		}
		if err != nil {
			return
		}
	}
}
