package sender

import "time"

// endpoints are the API's addresses: the main one and its backups in the same region.
type endpoints struct {
	all     []string
	current int
	left    time.Time // when the first one was left
}

// firstAgain is after how long the first endpoint is tried again: often enough to be back soon, and rarely
// enough that a dead one costs a call in thousands.
const firstAgain = time.Minute

func (e *endpoints) pick(now time.Time) int {
	if e.current != 0 && now.Sub(e.left) >= firstAgain {
		e.current = 0
	}
	return e.current
}

// unreachable leaves an endpoint for the next.
func (e *endpoints) unreachable(now time.Time, i int) {
	if i != e.current {
		return // it has been left already
	}
	if i == 0 {
		e.left = now
	}
	e.current = (i + 1) % len(e.all)
}
