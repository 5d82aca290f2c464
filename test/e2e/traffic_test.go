//go:build e2e

package e2e

import (
	"slices"
	"time"

	"roomrelay/internal/chat"
	"roomrelay/internal/imsim"
)

// traffic is made chat with what must become letters in it.
type traffic struct {
	seed  uint64
	rate  float64 // events a second
	rooms int
	bad   float64 // share of records that are no events
	// refusals are the API's rules that refuse for good.
	refusals []imsim.Rule
}

// newTraffic is some thirty rooms, of which the API refuses one altogether, some messages in its lists, and some
// with the whole call.
func newTraffic(seed uint64, rate float64) traffic {
	const rooms = 30
	return traffic{
		seed: seed, rate: rate, rooms: rooms, bad: 0.01,
		refusals: []imsim.Rule{
			{Name: "moderation", Do: imsim.DoRefuse, Share: 0.01},
			{Name: "poison", Do: imsim.DoPoison, Share: 0.002},
			{Name: "closed room", Do: imsim.DoCode, Code: 404, Rooms: []int64{firstRoom + rooms - 1}},
		},
	}
}

// firstRoom is the first of made chat's rooms, which is also the busiest.
const firstRoom = 7_000_000_000

// endless is more than any test publishes.
const endless = 1_000_000

// config of the lines: they come at the rate until somebody stops taking them.
func (tr *traffic) config() chat.Config {
	return chat.Config{
		Events: endless, Rooms: tr.rooms, Senders: 120, Seed: tr.seed, Bad: tr.bad,
		Length: time.Duration(endless / tr.rate * float64(time.Second)),
	}
}

// refused says whether the API refuses the line's message for good.
func (tr *traffic) refused(l *chat.Line) bool {
	return l.Valid && slices.ContainsFunc(tr.refusals, func(r imsim.Rule) bool {
		if len(r.Rooms) > 0 {
			return slices.Contains(r.Rooms, l.Room)
		}
		return r.Picks(tr.seed, l.MsgID)
	})
}
