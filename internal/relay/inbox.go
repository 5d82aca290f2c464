package relay

import (
	"sync"

	"roomrelay/consumer"
	"roomrelay/deadletter"
	"roomrelay/event"
	"roomrelay/sender"
)

// item is one thing that the loop is told; exactly one of its parts is set.
type item struct {
	notice  *consumer.Notice // Assigned, Revoking, Lost
	arrived *arrival
	landed  *landing
	written []*deadletter.Letter
}

// arrival is a run of decoded records of one partition.
type arrival struct {
	partition int32
	epoch     uint64
	events    []*event.Event
	invalid   []error // beside events: nil where the event is valid; nil altogether if all are
	strangers []int   // of events: letters that another group replays
}

// landing is an attempt that has ended.
type landing struct {
	delivery *delivery
	call     *sender.Call
	answer   sender.Answer
}

// inbox is what the loop hasn't looked at yet. It has no bound of its own: the consumer's bounds, the
// slots and the letters of events that are already counted bound what can be in it. A channel would
// need one, and with it a goroutine that waits for the loop while the loop waits for it.
type inbox struct {
	mu    sync.Mutex // guards items
	items []item
	ready chan struct{} // holds one token while items may be waiting
}

func newInbox() *inbox { return &inbox{ready: make(chan struct{}, 1)} }

func (b *inbox) put(x item) {
	b.mu.Lock()
	b.items = append(b.items, x)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// swap takes all items and leaves spare, emptied, in their place.
func (b *inbox) swap(spare []item) []item {
	clear(spare)
	b.mu.Lock()
	defer b.mu.Unlock()
	full := b.items
	b.items = spare[:0]
	return full
}
