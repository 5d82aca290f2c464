package offsets

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/url"
	"strconv"
	"strings"
)

// MaxMetadata is the most characters of a commit's metadata: Kafka's default limit
// (offset.metadata.max.bytes), which it counts in UTF-16 units. The text is ASCII.
const MaxMetadata = 4096

// maxOwner is the most characters of an owner in metadata. Kafka's own clients allow an instance-id 249 of
// them; a longer one stands as its hash, so that it can't crowd out the set.
const maxOwner = 256

// Why metadata doesn't count.
var (
	ErrNoMetadata = errors.New("no metadata")
	ErrForeign    = errors.New("metadata isn't roomrelay's")
	ErrVersion    = errors.New("metadata of an unknown version")
	ErrDamaged    = errors.New("damaged metadata")
	// ErrOffset: the commit was moved (a reset, another client, a mirror) and its metadata was kept.
	ErrOffset = errors.New("metadata belongs to another offset")
)

// Meta is what the metadata of a commit says.
type Meta struct {
	Offset  int64  // the committed offset, as the metadata repeats it
	SentTo  int64  // no event at or above was sent; at least Offset
	Owner   string // the instance-id of who committed; "": a dynamic member
	Topic   string // the topic's id (KIP-516), which one that is made anew doesn't have; "": not known
	Epoch   int32  // of the leader that wrote what was read last, as batches bear it; NoEpoch: not known
	Settled Set    // of what lies at or above Offset
}

// NoEpoch says that a leader's epoch isn't known.
const NoEpoch = -1

// Known is the end of what the metadata knows as settled.
func (m *Meta) Known() int64 {
	if n := len(m.Settled); n > 0 {
		return m.Settled[n-1].To
	}
	return m.Offset
}

// The text is name, version, offset, sentTo, owner, topic, epoch and runs, each but the name followed by what
// separates it: "roomrelay/1:120:340:worker-0:Zlj2eRLQQ4mGlVv3LUBbQw:7:AQICBA". Owner and topic are escaped as in a
// query. The runs are varints in base64url without padding: in turn how many offsets are not settled and how many
// are, from Offset on.
const (
	name    = "roomrelay/"
	version = "1"
)

// Decode reads a commit's metadata. committed is the offset of the commit: metadata that repeats another
// one doesn't count [MetaOffset]. The error is one of those above.
func Decode(text string, committed int64) (*Meta, error) {
	if text == "" {
		return nil, ErrNoMetadata
	}
	rest, ours := strings.CutPrefix(text, name)
	if !ours {
		return nil, ErrForeign
	}
	v, rest, _ := strings.Cut(rest, ":")
	if v != version {
		return nil, ErrVersion
	}
	if len(text) > MaxMetadata {
		return nil, ErrDamaged
	}
	fields := strings.Split(rest, ":")
	if len(fields) != 6 {
		return nil, ErrDamaged
	}
	m := &Meta{Epoch: NoEpoch}
	var err error
	if m.Offset, err = number(fields[0]); err != nil {
		return nil, err
	}
	if m.SentTo, err = number(fields[1]); err != nil || m.SentTo < m.Offset {
		return nil, ErrDamaged
	}
	if m.Owner, err = unescape(fields[2]); err != nil {
		return nil, err
	}
	if m.Topic, err = unescape(fields[3]); err != nil {
		return nil, err
	}
	if fields[4] != "" {
		epoch, err := number(fields[4])
		if err != nil || epoch > math.MaxInt32 {
			return nil, ErrDamaged
		}
		m.Epoch = int32(epoch)
	}
	if m.Settled, err = decodeRuns(fields[5], m.Offset); err != nil {
		return nil, err
	}
	if m.Offset != committed {
		return nil, ErrOffset
	}
	return m, nil
}

// unescape reads a text as encode writes it, and nothing else.
func unescape(s string) (string, error) {
	text, err := url.QueryUnescape(s)
	if err != nil || url.QueryEscape(text) != s {
		return "", ErrDamaged
	}
	return text, nil
}

// number reads a decimal as encode writes it, and nothing else.
func number(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, ErrDamaged
	}
	return n, nil
}

func decodeRuns(text string, next int64) (Set, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, ErrDamaged
	}
	var set Set
	for len(raw) > 0 {
		var gap, length uint64
		if gap, raw, err = varint(raw); err != nil {
			return nil, err
		}
		if length, raw, err = varint(raw); err != nil {
			return nil, err
		}
		left := uint64(1<<63 - 1 - next)
		if length == 0 || gap == 0 && set != nil || gap > left || length > left-gap {
			return nil, ErrDamaged
		}
		run := Run{From: next + int64(gap)}
		run.To = run.From + int64(length)
		set, next = append(set, run), run.To
	}
	return set, nil
}

// varint refuses what isn't as short as it could be: one set has one text.
func varint(raw []byte) (uint64, []byte, error) {
	x, n := binary.Uvarint(raw)
	if n <= 0 || n > 1 && raw[n-1] == 0 {
		return 0, nil, ErrDamaged
	}
	return x, raw[n:], nil
}

// encode writes m with as many of runs, which are m.Settled's place, as fit into limit characters. fits:
// all of them did.
func (m *Meta) encode(runs iter.Seq[Run], limit int) (text string, fits bool) {
	epoch := ""
	if m.Epoch != NoEpoch {
		epoch = strconv.Itoa(int(m.Epoch))
	}
	head := fmt.Sprintf("%s%s:%d:%d:%s:%s:%s:", name, version, m.Offset, m.SentTo, url.QueryEscape(m.Owner), url.QueryEscape(m.Topic), epoch)
	room := base64.RawURLEncoding.DecodedLen(max(0, limit-len(head)))
	w := runWriter{next: m.Offset, room: room}
	fits = true
	for r := range runs {
		if fits = w.add(r); !fits {
			break
		}
	}
	fits = w.flush() && fits
	return head + base64.RawURLEncoding.EncodeToString(w.raw), fits
}

// runWriter joins runs that touch and writes them while there is room.
type runWriter struct {
	raw  []byte
	room int
	next int64 // where the last written run ends
	run  Run   // not written yet, if not empty
}

func (w *runWriter) add(r Run) bool {
	if w.run.From < w.run.To && w.run.To == r.From {
		w.run.To = r.To
		return true
	}
	if !w.flush() {
		return false
	}
	w.run = r
	return true
}

func (w *runWriter) flush() bool {
	if w.run.From == w.run.To {
		return true
	}
	longer := binary.AppendUvarint(w.raw, uint64(w.run.From-w.next))
	longer = binary.AppendUvarint(longer, uint64(w.run.To-w.run.From))
	if len(longer) > w.room {
		return false
	}
	w.raw, w.next, w.run = longer, w.run.To, Run{}
	return true
}

// short is an instance-id as metadata names it.
func short(instanceID string) string {
	if len(url.QueryEscape(instanceID)) <= maxOwner {
		return instanceID
	}
	sum := sha256.Sum256([]byte(instanceID))
	return "sha256-" + hex.EncodeToString(sum[:])
}
