package figures

import "time"

// Plan is what was to be published, by the index of each message.
type Plan struct {
	At     []time.Duration // since the beginning, never less than the one before
	Lane   []int32         // the lane of each; none: it must reach no call
	Aside  []bool          // such messages have no part in rates and waits; nil: all have
	Window time.Duration
	Batch  int // most messages a call
}

// NoLane is the lane of a message that can't be decoded.
const NoLane = -1

// Call is one call that was answered with an outcome for its messages.
type Call struct {
	At       time.Duration // since the beginning; below zero: before it
	Messages []int32       // indexes in the plan, in the order of the body
}

// Due is when a batch with this head is due: at the end of its window, or when the last message that fits
// beside it comes. lane is when its messages come.
func Due(lane []time.Duration, head int, window time.Duration, batch int) time.Duration {
	due := lane[head] + window
	if last := head + batch - 1; last < len(lane) {
		due = min(due, lane[last])
	}
	return due
}

// Measured is what calls say.
type Measured struct {
	Calls     int       `json:"calls"`
	Delivered int       `json:"delivered"` // different messages
	Lost      int       `json:"lost"`      // were to be published, and came in no call
	Repeated  int       `json:"repeated"`  // came once more after they had an outcome
	Stray     int       `json:"stray"`     // must not come in any call
	Swapped   int       `json:"swapped"`   // came after one that stands behind it in its lane
	PerCall   float64   `json:"perCall"`   // messages a call
	PerSecond float64   `json:"perSecond"` // messages a second, over the middle of the run
	Busiest   int       `json:"busiest"`   // most calls in any second
	Wait      Quantiles `json:"wait"`      // from publishing to the call
	Late      Quantiles `json:"late"`      // from when its batch was due to the call

	From time.Duration `json:"-"` // what PerSecond is taken from
	To   time.Duration `json:"-"`
}

// Measure looks at calls, which must be in the order in which they came.
//
// A call's lateness is against the due time of the batch that it carries, reckoned from its first message:
// that one has waited longest. A batch that wasn't filled as it could have been shows in PerCall.
func Measure(p *Plan, calls []Call) Measured {
	var m Measured
	l := newLanes(p)
	came := make([]bool, len(p.At))
	last := make([]int32, len(l.at)) // by lane, place of the last that came, from 1
	var wait, late, times []time.Duration
	for _, c := range calls {
		m.Calls++
		head := int32(-1)
		fresh := 0
		for _, i := range c.Messages {
			switch {
			case i < 0 || p.Lane[i] == NoLane:
				m.Stray++
				continue
			case came[i]:
				m.Repeated++
				continue
			}
			came[i] = true
			m.Delivered++
			lane := p.Lane[i]
			if l.place[i] < last[lane] {
				m.Swapped++
			} else {
				last[lane] = l.place[i]
			}
			if p.Aside != nil && p.Aside[i] {
				continue
			}
			if head < 0 || l.place[i] < l.place[head] {
				head = i
			}
			fresh++
			wait = append(wait, c.At-p.At[i])
			times = append(times, c.At)
		}
		if head < 0 {
			continue
		}
		due := Due(l.at[p.Lane[head]], int(l.place[head]), p.Window, p.Batch)
		for range fresh {
			late = append(late, c.At-due)
		}
	}
	for i := range came {
		if !came[i] && p.Lane[i] != NoLane && (p.Aside == nil || !p.Aside[i]) {
			m.Lost++
		}
	}
	if m.Calls > 0 {
		m.PerCall = float64(m.Delivered) / float64(m.Calls)
	}
	m.PerSecond, m.From, m.To = MiddleRate(times)
	m.Busiest = busiestSecond(calls)
	m.Wait, m.Late = QuantilesOf(wait), QuantilesOf(late)
	return m
}

// lanes is the messages of each lane.
type lanes struct {
	at    [][]time.Duration // by lane
	place []int32           // of each message in its lane
}

func newLanes(p *Plan) lanes {
	l := lanes{place: make([]int32, len(p.At))}
	for i, lane := range p.Lane {
		if lane == NoLane {
			continue
		}
		for int(lane) >= len(l.at) {
			l.at = append(l.at, nil)
		}
		l.place[i] = int32(len(l.at[lane]))
		l.at[lane] = append(l.at[lane], p.At[i])
	}
	return l
}

// MiddleRate is messages a second from where a tenth of them had come until nine tenths had: what begins and
// ends a run, when not all that works has something to do, isn't what a worker does over hours.
func MiddleRate(times []time.Duration) (rate float64, from, to time.Duration) {
	n := len(times)
	if n < 2 {
		return 0, 0, 0
	}
	a, b := n/10, n-1-n/10
	from, to = times[a], times[b]
	if to <= from {
		return 0, from, to
	}
	return float64(b-a) / (to - from).Seconds(), from, to
}

// busiestSecond is the most calls that came within any one second.
func busiestSecond(calls []Call) (most int) {
	first := 0
	for i := range calls {
		for calls[i].At-calls[first].At >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
