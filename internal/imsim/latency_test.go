package imsim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestALatencyIsReadAsItIsWritten(t *testing.T) {
	for text, want := range map[string]Latency{
		"20ms":                       {Fixed: 20 * time.Millisecond},
		"0s":                         {},
		"10ms-40ms":                  {Min: 10 * time.Millisecond, Max: 40 * time.Millisecond},
		"p50=20ms,p99=200ms":         {P50: 20 * time.Millisecond, P99: 200 * time.Millisecond},
		"20ms,spike=1%:2s":           {Fixed: 20 * time.Millisecond, SpikeShare: 0.01, Spike: 2 * time.Second},
		"spike=0.5%:2s":              {SpikeShare: 0.005, Spike: 2 * time.Second},
		"10ms-40ms, spike=100%:1m0s": {Min: 10 * time.Millisecond, Max: 40 * time.Millisecond, SpikeShare: 1, Spike: time.Minute},
	} {
		got, err := ParseLatency(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", text, got, err, want)
		}
		again, err := got.MarshalText()
		if err != nil || string(again) != strings.ReplaceAll(text, ", ", ",") {
			t.Errorf("%s: written as %s", text, again)
		}
	}
	for _, text := range []string{"x", "20", "-20ms", "40ms-10ms", "p50=20ms", "p99=20ms", "p50=2s,p99=1s", "p95=1s", "spike=1:2s", "spike=200%:1s", "spike=1%", "10ms,20ms-30ms"} {
		if l, err := ParseLatency(text); err == nil {
			t.Errorf("%q: read as %+v", text, l)
		}
	}
}

func TestALatencyHasItsDistribution(t *testing.T) {
	for text, want := range map[string][3]time.Duration{ // median, 99th percentile, longest
		"20ms":                           {20 * time.Millisecond, 20 * time.Millisecond, 20 * time.Millisecond},
		"10ms-40ms":                      {25 * time.Millisecond, 39700 * time.Microsecond, 40 * time.Millisecond},
		"p50=20ms,p99=200ms":             {20 * time.Millisecond, 200 * time.Millisecond, longest},
		"p50=20ms,p99=200ms,spike=2%:5s": {20 * time.Millisecond, 5 * time.Second, longest},
	} {
		l, err := ParseLatency(text)
		if err != nil {
			t.Fatal(err)
		}
		var all []time.Duration
		for i := range 100_000 {
			d := diceOf(1, 1, uint64(i))
			all = append(all, l.at(d.of(1), d.of(2)))
		}
		slices.Sort(all)
		for i, at := range []int{50_000, 99_000} {
			if got := all[at]; float64(got) < 0.95*float64(want[i]) || float64(got) > 1.05*float64(want[i]) {
				t.Errorf("%s: place %d of 100,000 is %v, want about %v", text, at, got, want[i])
			}
		}
		if all[0] < 0 || all[len(all)-1] > want[2] {
			t.Errorf("%s: from %v to %v", text, all[0], all[len(all)-1])
		}
	}
}

func TestAnswersTakeTheirTime(t *testing.T) {
	for _, latency := range []Latency{{Fixed: 30 * time.Millisecond}, {Min: 10 * time.Millisecond, Max: 50 * time.Millisecond}} {
		synctest.Test(t, func(t *testing.T) {
			s := sim(Config{Latency: latency, Faults: &Faults{Rules: []Rule{{Do: DoLatency, Rooms: []int64{2}, Latency: Latency{Fixed: time.Second}}}}})
			for room := int64(1); room <= 2; room++ {
				for i := range 20 {
					began := time.Now()
					do(t, s, request(chat(room, 0, fmt.Sprint(i))))
					d := time.Since(began) - time.Duration(room-1)*time.Second
					if d < 10*time.Millisecond || d > 50*time.Millisecond {
						t.Errorf("room %d: %v", room, d)
					}
				}
			}
		})
	}
}
