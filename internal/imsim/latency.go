package imsim

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Latency is a distribution of times. As text (flags, JSON) it is one of
//
//	20ms                        always the same
//	10ms-40ms                   anything between, evenly
//	p50=20ms,p99=200ms          lognormal through these two
//	...,spike=1%:2s             and of each hundred one takes 2 s instead
//
// The zero value is no time at all.
type Latency struct {
	Fixed      time.Duration
	Min, Max   time.Duration // evenly between, if Max > 0
	P50, P99   time.Duration // lognormal, if P50 > 0
	Spike      time.Duration
	SpikeShare float64 // 0 to 1
}

// z99 is the 99th percentile of the normal distribution.
const z99 = 2.3263478740408408

// longest bounds a lognormal time: its tail has no end.
const longest = 10 * time.Minute

// at is the time for two numbers of [0,1): the first picks spikes, the second the time.
func (l *Latency) at(spike, u float64) time.Duration {
	switch {
	case l.SpikeShare > 0 && spike < l.SpikeShare:
		return l.Spike
	case l.P50 > 0:
		sigma := math.Log(float64(l.P99)/float64(l.P50)) / z99
		z := math.Sqrt2 * math.Erfinv(2*u-1)
		return time.Duration(min(float64(l.P50)*math.Exp(sigma*z), float64(longest)))
	case l.Max > 0:
		return l.Min + time.Duration(u*float64(l.Max-l.Min))
	default:
		return l.Fixed
	}
}

// zero says that every time is 0.
func (l *Latency) zero() bool { return *l == Latency{} }

// chancy says that times differ.
func (l *Latency) chancy() bool { return l.P50 > 0 || l.Max > 0 || l.SpikeShare > 0 }

func (l *Latency) check() error {
	kinds := 0
	for _, set := range []bool{l.Fixed != 0, l.Min != 0 || l.Max != 0, l.P50 != 0 || l.P99 != 0} {
		if set {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return fmt.Errorf("latency: only one of a fixed time, a range and percentiles can hold")
	case min(l.Fixed, l.Min, l.Max, l.P50, l.P99, l.Spike) < 0:
		return fmt.Errorf("latency: a time below 0")
	case l.Max < l.Min:
		return fmt.Errorf("latency: %v-%v ends before it begins", l.Min, l.Max)
	case l.P99 < l.P50 || l.P99 > 0 && l.P50 == 0:
		return fmt.Errorf("latency: p50 %v and p99 %v: both are needed, and p99 is the longer one", l.P50, l.P99)
	case l.SpikeShare < 0 || l.SpikeShare > 1:
		return fmt.Errorf("latency: a share of %v of spikes: between 0%% and 100%%", l.SpikeShare)
	}
	return nil
}

// ParseLatency reads the text form.
func ParseLatency(text string) (Latency, error) {
	var l Latency
	err := l.UnmarshalText([]byte(text))
	return l, err
}

// UnmarshalText reads the text form.
func (l *Latency) UnmarshalText(text []byte) error {
	*l = Latency{}
	for part := range strings.SplitSeq(string(text), ",") {
		if err := l.part(strings.TrimSpace(part)); err != nil {
			return fmt.Errorf("latency %q: %w (take 20ms, 10ms-40ms, or p50=20ms,p99=200ms; with spike=1%%:2s if wanted)", text, err)
		}
	}
	return l.check()
}

func (l *Latency) part(text string) (err error) {
	name, value, named := strings.Cut(text, "=")
	low, high, ranged := strings.Cut(text, "-")
	switch {
	case text == "":
	case named && name == "p50":
		l.P50, err = time.ParseDuration(value)
	case named && name == "p99":
		l.P99, err = time.ParseDuration(value)
	case named && name == "spike":
		return l.spike(value)
	case named:
		return fmt.Errorf("unknown name %q", name)
	case ranged && low != "":
		if l.Min, err = time.ParseDuration(low); err == nil {
			l.Max, err = time.ParseDuration(high)
		}
	default:
		l.Fixed, err = time.ParseDuration(text)
	}
	return err
}

func (l *Latency) spike(text string) (err error) {
	share, length, _ := strings.Cut(text, ":")
	percent, err := strconv.ParseFloat(strings.TrimSuffix(share, "%"), 64)
	if err != nil || !strings.HasSuffix(share, "%") {
		return fmt.Errorf("%q is no percentage", share)
	}
	l.SpikeShare = percent / 100
	l.Spike, err = time.ParseDuration(length)
	return err
}

// MarshalText writes the text form.
func (l Latency) MarshalText() ([]byte, error) {
	var parts []string
	switch {
	case l.P50 > 0:
		parts = append(parts, "p50="+l.P50.String(), "p99="+l.P99.String())
	case l.Max > 0:
		parts = append(parts, l.Min.String()+"-"+l.Max.String())
	case l.Fixed > 0 || l.SpikeShare == 0:
		parts = append(parts, l.Fixed.String())
	}
	if l.SpikeShare > 0 {
		parts = append(parts, "spike="+strconv.FormatFloat(l.SpikeShare*100, 'g', -1, 64)+"%:"+l.Spike.String())
	}
	return []byte(strings.Join(parts, ",")), nil
}
