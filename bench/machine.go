package main

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// layout says which cores who has; nil: any.
type layout struct {
	own  []int // the worker's, or its rival's
	rest []int
}

// layoutOf gives the worker one core and all else the others, where that is possible and asked for.
func layoutOf(apart bool) layout {
	n := runtime.NumCPU()
	if !apart || !canPin || n < 2 {
		return layout{}
	}
	l := layout{own: []int{0}}
	for i := 1; i < n; i++ {
		l.rest = append(l.rest, i)
	}
	return l
}

// sample is how much the cores, and the run's own processes, had worked by an instant.
type sample struct {
	at   time.Time
	busy []time.Duration // by core
	ours time.Duration
}

// watch samples the machine while a run goes on.
type watch struct {
	mu      sync.Mutex // of the fields below
	samples []sample
	pids    []int
}

// watchEvery is far above the kernel's own tick of 10 ms.
const watchEvery = 100 * time.Millisecond

func newWatch(ctx context.Context) *watch {
	w := &watch{}
	go func() {
		for ctx.Err() == nil {
			w.take()
			select {
			case <-ctx.Done():
			case <-time.After(watchEvery):
			}
		}
	}()
	return w
}

// follow counts a process as the run's own.
func (w *watch) follow(pid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pids = append(w.pids, pid)
}

func (w *watch) take() {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := sample{at: time.Now(), busy: coresBusy(), ours: processCPU()}
	for _, pid := range w.pids {
		s.ours += cpuOf(pid)
	}
	if s.busy != nil {
		w.samples = append(w.samples, s)
	}
}

// shares are the busy shares of the cores of a layout, and of the whole machine by others' programs, between two
// instants; below zero: not known.
func (w *watch) shares(l layout, from, to time.Time) (own, rest, foreign float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, b := nearest(w.samples, from), nearest(w.samples, to)
	if a < 0 || a == b {
		return -1, -1, -1
	}
	x, y := w.samples[a], w.samples[b]
	took := y.at.Sub(x.at)
	share := func(cores []int) float64 {
		var sum time.Duration
		for _, c := range cores {
			sum += y.busy[c] - x.busy[c]
		}
		return min(1, float64(sum)/float64(took)/float64(len(cores)))
	}
	all := make([]int, len(x.busy))
	for i := range all {
		all[i] = i
	}
	foreign = max(0, share(all)-float64(y.ours-x.ours)/float64(took)/float64(len(all)))
	if l.own == nil {
		return share(all), -1, foreign
	}
	return share(l.own), share(l.rest), foreign
}

// nearest is the index of the sample that was taken nearest to an instant; -1: there is none.
func nearest(all []sample, at time.Time) int {
	best := -1
	for i := range all {
		if best < 0 || all[i].at.Sub(at).Abs() < all[best].at.Sub(at).Abs() {
			best = i
		}
	}
	return best
}
