package figures

import (
	"slices"
	"time"
)

// Quantiles of a set of durations.
type Quantiles struct {
	P50 time.Duration `json:"p50"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
}

// QuantilesOf sorts values. Each quantile is one of them: the least that so many are not above.
func QuantilesOf(values []time.Duration) Quantiles {
	if len(values) == 0 {
		return Quantiles{}
	}
	slices.Sort(values)
	return Quantiles{P50: values[rank(len(values), 50)], P99: values[rank(len(values), 99)], Max: values[len(values)-1]}
}

// rank is the index of the least of n sorted values that percent of them are not above.
func rank(n, percent int) int { return max((n*percent+99)/100-1, 0) }

// Spread is the middle and the ends of what several runs gave.
type Spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	Runs   int     `json:"runs"`
}

// SpreadOf leaves values as they are. The median of an even number is the mean of the middle two.
func SpreadOf(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	return Spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Least: sorted[0], Most: sorted[n-1], Runs: n}
}
