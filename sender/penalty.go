package sender

import "time"

const (
	// leastPenalty is for how long the API blocks the interface after a 416.
	leastPenalty = 10 * time.Second
	// mostPenalty is as long as repeated penalties grow: a minute is the longest block that the API's
	// table of limits has.
	mostPenalty = time.Minute
	// calmAfter a penalty's end without a 416 the next one is the first again.
	calmAfter = time.Minute
)

// penalty is the pause after a 416.
type penalty struct {
	until  time.Time // no call before
	began  tick      // with the first 416 of it
	length time.Duration
}

// add notes a 416 to a call begun at that tick.
func (p *penalty) add(now time.Time, begun, at tick, retryAfter time.Duration) {
	// Calls that were on their way when the first 416 came get theirs, too. These are the same penalty,
	// which is no longer for it; but the API may block anew from each of them, so it lasts longer.
	if begun > p.began {
		switch {
		case p.length == 0 || now.Sub(p.until) >= calmAfter:
			p.length = leastPenalty
		default:
			p.length = min(2*p.length, mostPenalty)
		}
		p.began = at
	}
	p.until = latest(p.until, now.Add(max(p.length, retryAfter)))
}

const penaltyWhy = "over the API's quota (416): no call for a while; lower rate if other programs use the same app-key"

// holds says until when no call may begin, if so.
func (p *penalty) holds(now time.Time) (until time.Time, held bool) {
	return p.until, p.until.After(now)
}
