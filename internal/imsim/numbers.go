package imsim

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// numbers are the Stats while they are counted. The API's codes lie below 16,384; what lies beyond, or
// isn't a code, is counted by name under a lock.
type numbers struct {
	calls, received, shown, deduplicated, unflagged, shownTwice, refused, leftOut atomic.Int64

	codes [1 << 14]atomic.Int64
	since atomic.Int64 // Unix nanoseconds

	mu     sync.Mutex // guards the maps
	names  map[string]int64
	faults map[string]int64
}

func (n *numbers) reset(now time.Time) {
	for _, c := range []*atomic.Int64{&n.calls, &n.received, &n.shown, &n.deduplicated, &n.unflagged, &n.shownTwice, &n.refused, &n.leftOut} {
		c.Store(0)
	}
	for i := range n.codes {
		n.codes[i].Store(0)
	}
	n.since.Store(now.UnixNano())
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names, n.faults = map[string]int64{}, map[string]int64{}
}

// answered counts an answer; fault is the name of the rule that took its place, or "".
func (n *numbers) answered(code, status int, fault string) {
	plain := code > 0 && code < len(n.codes)
	if plain {
		n.codes[code].Add(1)
		if fault == "" {
			return
		}
	}
	name := "none"
	switch {
	case code != 0:
		name = strconv.Itoa(code)
	case status != 0:
		name = "http-" + strconv.Itoa(status)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !plain {
		n.names[name]++
	}
	if fault != "" {
		n.faults[fault]++
	}
}

// Stats is what was counted since the start or the last Reset. While calls come in, the numbers may be a
// few calls apart from one another.
func (s *Sim) Stats() Stats {
	n := &s.numb
	out := Stats{
		Calls: n.calls.Load(), Received: n.received.Load(), Shown: n.shown.Load(),
		Deduplicated: n.deduplicated.Load(), Unflagged: n.unflagged.Load(), ShownTwice: n.shownTwice.Load(),
		Refused: n.refused.Load(), LeftOut: n.leftOut.Load(), Rooms: s.rooms.count(),
		ByCode: map[string]int64{}, ByFault: map[string]int64{},
		Seconds: time.Since(time.Unix(0, n.since.Load())).Seconds(),
	}
	for i := range n.codes {
		if c := n.codes[i].Load(); c > 0 {
			out.ByCode[strconv.Itoa(i)] = c
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.Copy(out.ByCode, n.names)
	maps.Copy(out.ByFault, n.faults)
	return out
}
