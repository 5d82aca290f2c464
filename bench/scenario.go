package main

import (
	"time"

	"roomrelay/bench/internal/figures"
	"roomrelay/bench/internal/sink"
	"roomrelay/bench/internal/traffic"
)

// scenario is a load, an endpoint, and a worker's settings; what it is compared with; and what is aimed at.
type scenario struct {
	name, about string
	shape       traffic.Shape
	endpoint    sink.Config
	workers     int               // default 1
	inFlight    int               // default 64
	settings    map[string]string // others of the worker
	apart       bool              // the worker has one core, and the rest the others
	late        bool              // the backlog is appended when all workers are ready, not before they start
	aside       bool              // the hot room has no part in rates and waits
	letters     bool              // ends with its letters, not with its calls
	abrupt      bool              // the worker is killed at the end: what is left would keep it from stopping
	once        bool              // pairs are no use
	extra       bool              // only if it is asked for
	against     []rival
	aims        []aim
}

const (
	window   = 100 * time.Millisecond // the worker's default
	maxBatch = 10
)

func (s *scenario) crew() int { return max(s.workers, 1) }

func (s *scenario) slots() int {
	if s.inFlight == 0 {
		return 64
	}
	return s.inFlight
}

// kind is what runs against the endpoint.
type kind int

const (
	worker   kind = iota
	posts         // (a)
	reading       // (b)
	oracle        // (c)
	appends       // events appended by a producer that has the worker's core
	baseline      // what everybody writes first
)

// rival is what the worker is compared with. A rival that is a worker is this same scenario with a change.
type rival struct {
	kind   kind
	label  string
	change func(*scenario)
	by     []metric
	once   bool // far enough away to need no pairs
}

// metric is a figure of a run.
type metric struct {
	name string
	unit string
	of   func(*outcome) float64
}

var (
	perSecond  = metric{"messages/s", "", func(r *outcome) float64 { return r.PerSecond }}
	perCall    = metric{"messages a call", "", func(r *outcome) float64 { return r.PerCall }}
	calls      = metric{"calls", "", func(r *outcome) float64 { return float64(r.Calls) }}
	cpu        = metric{"CPU a message", "", func(r *outcome) float64 { return r.CPU }}
	peak       = metric{"peak RSS", "MB", func(r *outcome) float64 { return r.Peak }}
	waitP50    = metric{"wait p50", "ms", func(r *outcome) float64 { return ms(r.Wait.P50) }}
	waitP99    = metric{"wait p99", "ms", func(r *outcome) float64 { return ms(r.Wait.P99) }}
	lateP99    = metric{"lateness p99", "ms", func(r *outcome) float64 { return ms(r.Late.P99) }}
	letterRate = metric{"letters/s", "", func(r *outcome) float64 { return r.LetterRate }}
	busiest    = metric{"calls in any second", "", func(r *outcome) float64 { return float64(r.Busiest) }}
	elsewhere  = metric{"letters of other rooms", "", func(r *outcome) float64 { return float64(r.Elsewhere) }}
)

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// aim is what a figure's median should be: at least, or at most, bound. With a rival it is the ratio's.
type aim struct {
	metric  metric
	rival   kind
	compare bool // with the rival
	least   bool
	bound   float64
}

func atLeast(m metric, bound float64) aim { return aim{metric: m, least: true, bound: bound} }

func atMost(m metric, bound float64) aim { return aim{metric: m, bound: bound} }

func (a aim) of(k kind) aim {
	a.rival, a.compare = k, true
	return a
}

// outcome is what one run gave.
type outcome struct {
	figures.Measured
	CPU        float64 `json:"cpu"`        // seconds a million messages; of the worker alone, of all workers
	Peak       float64 `json:"peak"`       // MB, of the largest worker; 0: not known
	Letters    int     `json:"letters"`    // that were to be written and were
	LetterRate float64 `json:"letterRate"` // a second, from the first call to the last letter
	Elsewhere  int     `json:"elsewhere"`  // letters of other rooms than the hot one
	Own        float64 `json:"own"`        // share of its core that was busy; below zero: not known
	Rest       float64 `json:"rest"`       // of the other cores
	Foreign    float64 `json:"foreign"`    // share of the whole machine that was taken by programs that aren't the run's
	Publisher  float64 `json:"publisher"`  // ms by which the producer was late for one of a hundred messages
}
