package sender

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// pauses are the growing times between tries.
type pauses struct {
	*backoff.ExponentialBackOff
}

func newPauses(initial, most time.Duration) pauses {
	return pauses{backoff.NewExponentialBackOff(backoff.WithInitialInterval(initial), backoff.WithMaxInterval(most),
		backoff.WithMultiplier(2), backoff.WithRandomizationFactor(0.25), backoff.WithMaxElapsedTime(0))}
}

// next is how long to wait now: never longer than the longest, whatever the jitter adds.
func (p pauses) next() time.Duration { return min(p.NextBackOff(), p.MaxInterval) }
