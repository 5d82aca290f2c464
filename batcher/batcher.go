// Package batcher groups events into batches: lanes, windows, late sealing, turns, and trouble by room.
//
// It promises that the events of a lane leave it in the order in which they were added, at most one batch
// of a lane at a time; that a batch is the longest head run of its lane that can share a request at the
// moment it is sealed; that a lane is never due before its head run is full, can't grow, or its head has
// waited for the window, and always is then; that lanes take turns by when they last became due; that a
// room in trouble has one batch on its way and, with all others in trouble, at most a tenth of the slots
// and turns while other lanes are due; and that a lane or room with nothing to remember leaves no memory
// behind.
//
// It is pure: no Kafka, no HTTP, no logger, no clock (every method is told the time), no goroutine, no
// lock (it belongs to one goroutine). It doesn't bound what is added, which is the consumer's part, nor
// know why an attempt failed, which is the sender's.
package batcher

import (
	"time"

	"roomrelay/event"
)

// Ordering decides what a lane is.
type Ordering uint8

const (
	BySender Ordering = iota // a lane is (partition, room, sender)
	ByRoom                   // a lane is (partition, room)
)

// Config of a Batcher. Every field must be set, but RoomRate and Stride.
type Config struct {
	Ordering Ordering
	Window   time.Duration // from the arrival of a lane's head until the lane is due; 0: at once
	MaxBatch int           // messages a batch: 1 to 10
	MaxBytes int           // cap on the encoded body of a batch; one event over it goes alone
	Slots    int           // batches that may be on their way at once
	RoomRate float64       // messages a second a room; 0: no limit
}

// Batch is a sealed head run of a lane. From Next until Done or Drop it belongs to the caller, who may
// take events out of Events as they get their outcome.
type Batch struct {
	Partition int32
	Room      int64
	Events    []*event.Event
	// Memo is the caller's own: what it wants to remember of the batch between attempts.
	Memo any

	// (lane and state: unexported)
}
