package deadletter

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Filter says which letters are meant. The zero Filter means all. Of a list any one counts, of several
// fields all.
type Filter struct {
	Group    string // "": of any group
	Rooms    []int64
	Reasons  []string
	Codes    []int
	Outcomes []string
	MsgIDs   []string
	Senders  []string
	Since    time.Time // failed at or after
	Until    time.Time // failed before
	Match    string    // a part of the API's reason, whatever its case
	Replays  Count
	Places   []Place // on the dead-letter topic

	Partition *int32 // of the dead-letter topic
	Offset    *int64 // likewise

	Which func(Identity, string) bool // by identity and msgId; nil: all
}

// Matches says whether a letter is meant.
func (x *Filter) Matches(f *Filed) bool {
	return (x.Group == "" || x.Group == f.Identity.Group) && anyOf(x.Rooms, f.Room) && anyOf(x.Reasons, f.Reason) && anyOf(x.Codes, f.Code) &&
		anyOf(x.Outcomes, f.Outcome) && anyOf(x.MsgIDs, f.MsgID) && anyOf(x.Places, f.Place) &&
		(x.Since.IsZero() || !f.FailedAt.Before(x.Since)) && (x.Until.IsZero() || f.FailedAt.Before(x.Until)) &&
		(x.Match == "" || strings.Contains(strings.ToLower(f.Message), strings.ToLower(x.Match))) &&
		x.Replays.Has(f.Replays) &&
		(x.Partition == nil || *x.Partition == f.Place.Partition) && (x.Offset == nil || *x.Offset == f.Place.Offset) &&
		(x.Which == nil || x.Which(f.Identity, f.MsgID)) && x.sender(f)
}

// sender decodes the event, which costs more than all the rest.
func (x *Filter) sender(f *Filed) bool {
	if len(x.Senders) == 0 {
		return true
	}
	e, _ := f.Event() // one that is invalid may still name its sender
	return e != nil && slices.Contains(x.Senders, e.Sender)
}

func anyOf[T comparable](list []T, x T) bool { return len(list) == 0 || slices.Contains(list, x) }

// Count is a condition on a number: "3", "=3", ">=2", "<2", ">0" or "<=1". The zero Count holds for all.
type Count struct {
	op string
	n  int
}

// Has says whether the condition holds.
func (c Count) Has(n int) bool {
	switch c.op {
	case "=":
		return n == c.n
	case ">=":
		return n >= c.n
	case "<=":
		return n <= c.n
	case ">":
		return n > c.n
	case "<":
		return n < c.n
	}
	return true
}

// Set reads a condition. With String and Type it makes a Count a flag's value.
func (c *Count) Set(s string) error {
	op := "="
	rest := s
	for _, o := range []string{">=", "<=", "=", ">", "<"} {
		if after, ok := strings.CutPrefix(s, o); ok {
			op, rest = o, after
			break
		}
	}
	n, err := strconv.Atoi(strings.TrimSpace(rest))
	if err != nil || n < 0 {
		return fmt.Errorf("takes a number, such as 0, or a bound, such as >=2")
	}
	*c = Count{op, n}
	return nil
}

func (c *Count) String() string {
	if c.op == "" {
		return ""
	}
	return c.op + strconv.Itoa(c.n)
}

// Type names the kind of value.
func (c *Count) Type() string { return "number" }
