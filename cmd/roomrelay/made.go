package main

import (
	"iter"
	"time"

	"roomrelay/internal/chat"
)

// mostMade is far more than any quota of the API lets through.
const mostMade = 10_000

// makeLines makes chat at so many events a second, for longer than anybody will watch. One in 200 is no event, so that
// there are letters to look at.
func makeLines(rate float64) iter.Seq2[chat.Line, error] {
	const length = 365 * 24 * time.Hour
	made := chat.Make(chat.Config{
		Events: int(rate * length.Seconds()), Length: length, Bad: 1.0 / 200,
		// Made twice, a msgId would be a repetition, which the API refuses: a second run must have other ones.
		Seed: uint64(time.Now().UnixMilli()),
	})
	return func(yield func(chat.Line, error) bool) {
		for l := range made {
			if !yield(l, nil) {
				return
			}
		}
	}
}
