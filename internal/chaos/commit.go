package chaos

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// commit is a partition's commit, as anybody can read it at the broker.
type commit struct {
	offset int64
	meta   string
	ours   bool // its metadata counts
	sentTo int64
	runs   [][2]int64 // settled, from and up to
}

// commitOf reads a commit. It is a reader of its own: what the worker thinks of its metadata is not asked.
func commitOf(offset int64, meta string) commit {
	c := commit{offset: offset, meta: meta}
	if c.read(meta) != nil {
		return commit{offset: offset, meta: meta}
	}
	return c
}

var errForeign = errors.New("no metadata of roomrelay")

func (c *commit) read(meta string) error {
	rest, ok := strings.CutPrefix(meta, "roomrelay/1:")
	fields := strings.Split(rest, ":")
	if !ok || len(fields) != 6 || len(meta) > 4096 {
		return errForeign
	}
	own, err1 := strconv.ParseInt(fields[0], 10, 64)
	sentTo, err2 := strconv.ParseInt(fields[1], 10, 64)
	raw, err3 := base64.RawURLEncoding.DecodeString(fields[5])
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	if own != c.offset || sentTo < own {
		return errForeign
	}
	c.sentTo = sentTo
	for next := own; len(raw) > 0; {
		gap, n := binary.Uvarint(raw)
		length, m := binary.Uvarint(raw[max(n, 0):])
		if n <= 0 || m <= 0 {
			return errForeign
		}
		from := next + int64(gap)
		next = from + int64(length)
		c.runs = append(c.runs, [2]int64{from, next})
		raw = raw[n+m:]
	}
	c.ours = true
	return nil
}

// settles says that the commit tells of an offset that it has its outcome.
func (c *commit) settles(offset int64) bool {
	if offset < c.offset {
		return true
	}
	for _, r := range c.runs {
		if offset >= r[0] && offset < r[1] {
			return true
		}
	}
	return false
}

// announces says that the commit allows the event at an offset to be sent: whoever comes next knows that it
// may have been.
func (c *commit) announces(offset int64) bool { return c.ours && offset < c.sentTo }
