package figures

import "time"

// Policy is the rules by which the oracle sends.
type Policy struct {
	Window time.Duration
	Batch  int     // most messages a call
	Rate   float64 // calls a second, evenly apart
}

// Oracle is what a worker could do at best under a quota if it saw the whole schedule, took no time for
// anything, and were answered at once: it gives each call when a token is there, to the lane that has been due
// for longest, with all that the lane holds by then. The same arrivals, tokens and order as a worker has; no
// service time.
//
// at is when each message comes, in order; lane is its lane, counted from 0; NoLane: it costs no call.
func Oracle(at []time.Duration, lane []int32, p Policy) []Call {
	o := oracle{policy: p}
	for _, l := range lane {
		for int(l) >= len(o.lanes) {
			o.lanes = append(o.lanes, oracleLane{})
		}
	}
	apart := time.Duration(float64(time.Second) / p.Rate)
	var calls []Call
	var now, token time.Duration
	next := 0
	for {
		for next < len(at) && at[next] <= now {
			if lane[next] != NoLane {
				o.lanes[lane[next]].add(int32(next), at[next], &p)
			}
			next++
		}
		best, due := o.first()
		switch {
		case best == nil && next == len(at):
			return calls
		case best == nil || due > now:
			// Nothing is due: the next thing that happens is a message or a window's end.
			now = due
			if best == nil || next < len(at) && at[next] < due {
				now = at[next]
			}
		case token > now:
			now = token
			if next < len(at) && at[next] < token {
				now = at[next]
			}
		default:
			calls = append(calls, Call{At: now, Messages: best.take(now, &p)})
			token = now + apart
		}
	}
}

type oracle struct {
	policy Policy
	lanes  []oracleLane
}

// first is the lane that is or will be due before all others; of equals, the one that was seen first.
func (o *oracle) first() (best *oracleLane, due time.Duration) {
	for i := range o.lanes {
		if l := &o.lanes[i]; len(l.waiting) > 0 && (best == nil || l.due < due) {
			best, due = l, l.due
		}
	}
	return best, due
}

// oracleLane is what waits in a lane.
type oracleLane struct {
	waiting []int32
	at      []time.Duration
	due     time.Duration
	since   time.Duration // of its last call: it queues anew after each
}

func (l *oracleLane) add(message int32, at time.Duration, p *Policy) {
	l.waiting, l.at = append(l.waiting, message), append(l.at, at)
	l.place(p)
}

func (l *oracleLane) place(p *Policy) {
	if len(l.at) > 0 {
		l.due = max(Due(l.at, 0, p.Window, p.Batch), l.since)
	}
}

func (l *oracleLane) take(now time.Duration, p *Policy) []int32 {
	n := min(len(l.waiting), p.Batch)
	taken := l.waiting[:n:n]
	l.waiting, l.at, l.since = l.waiting[n:], l.at[n:], now
	l.place(p)
	return taken
}
