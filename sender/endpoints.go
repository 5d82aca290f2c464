package sender

import (
	"net/url"
	"time"
)

// endpoints are the API's addresses: the main one and its backups in the same region.
type endpoints struct {
	all     []*url.URL
	current int
	left    time.Time // when the first one was left, or last tried since
}

// firstAgain is after how long the first endpoint is tried again: often enough to be back soon, and rarely
// enough that a dead one costs a call in thousands.
const firstAgain = time.Minute

// pick gives the endpoint of the next call. While another one is in use, a single call now and then tries
// the first: if it swallows calls until they time out, the others don't wait with that one.
func (e *endpoints) pick(now time.Time) int {
	if e.current != 0 && now.Sub(e.left) >= firstAgain {
		e.left = now
		return 0
	}
	return e.current
}

// reached notes that a call that was begun at that time got a connection.
func (e *endpoints) reached(i int, began time.Time) {
	if i == 0 && !began.Before(e.left) {
		e.current = 0
	}
}

// unreachable leaves an endpoint for the next; after the last the first has its turn again.
func (e *endpoints) unreachable(now time.Time, i int) {
	if i != e.current {
		return // it has been left already
	}
	if i == 0 {
		e.left = now
	}
	e.current = (i + 1) % len(e.all)
}
