package telemetry

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// LettersSample is what a reading of the dead-letter topic found.
type LettersSample struct {
	Outstanding map[string]int // by reason
	OnTheirWay  int
	Oldest      time.Time // when the oldest outstanding letter failed first; zero: there is none
	TakenFrom   time.Time // when retention begins to take what is outstanding; zero: there is none, or it isn't known
	Taken       int       // letters that retention took outstanding; -1: not known
	Unreadable  int
	Read        time.Time // when it was read
	Took        time.Duration
}

// Letters are the metrics of letters. All methods are safe for concurrent use.
type Letters struct {
	registry *prometheus.Registry
	reasons  []string
	failures prometheus.Counter

	mu   sync.Mutex     // guards what follows
	last *LettersSample // nil: nothing was read yet
	up   bool           // the last reading went well
}

// NewLetters makes metrics with a registry of their own. reasons are those that there can be.
func NewLetters(version string, reasons []string) *Letters {
	m := &Letters{registry: prometheus.NewRegistry(), reasons: reasons, failures: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "roomrelay_dlq_readings_failed_total", Help: "Readings of the dead-letter topic that failed.",
	})}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "roomrelay_build_info", Help: "1; the version is a label.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m, m.failures, info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Letters) scraped() *prometheus.Registry { return m.registry }

// Read takes what a reading found.
func (m *Letters) Read(s *LettersSample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last, m.up = s, true
}

// Failed counts a reading that failed. What the last one found is told on, with roomrelay_dlq_up 0.
func (m *Letters) Failed() {
	m.failures.Inc()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up = false
}

func dlqDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("roomrelay_dlq_"+name, help, labels, nil)
}

var (
	dlqUp          = dlqDesc("up", "1 if the last reading of the dead-letter topic went well.")
	dlqOutstanding = dlqDesc("outstanding", "Letters that somebody has to decide about, by reason.", "reason")
	dlqOnTheirWay  = dlqDesc("on_their_way", "Letters that were replayed and aren't settled yet.")
	dlqOldest      = dlqDesc("oldest_age_seconds", "Since the oldest outstanding letter failed first; 0 if there is none.")
	dlqRetention   = dlqDesc("retention_left_seconds", "Until retention begins to take outstanding letters; not there if there are none, or it isn't known.")
	dlqTaken       = dlqDesc("taken_unmarked_total", "Letters of all groups that retention took while they were outstanding, as far as checkpoints tell.")
	dlqUnreadable  = dlqDesc("unreadable", "Records read that are neither letters nor marks.")
	dlqRead        = dlqDesc("last_reading_timestamp_seconds", "When the dead-letter topic was last read.")
	dlqTook        = dlqDesc("last_reading_seconds", "How long that took.")
)

// Describe implements prometheus.Collector.
func (m *Letters) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{dlqUp, dlqOutstanding, dlqOnTheirWay, dlqOldest, dlqRetention, dlqTaken, dlqUnreadable, dlqRead, dlqTook} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. Times are told as of now.
func (m *Letters) Collect(ch chan<- prometheus.Metric) {
	m.mu.Lock()
	s, up := m.last, m.up
	m.mu.Unlock()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if gauge(dlqUp, number(up)); s == nil {
		return
	}
	counts := map[string]int{other: 0}
	for _, r := range m.reasons {
		counts[r] = 0
	}
	for r, n := range s.Outstanding {
		if !slices.Contains(m.reasons, r) {
			r = other
		}
		counts[r] += n
	}
	for r, n := range counts {
		gauge(dlqOutstanding, float64(n), r)
	}
	gauge(dlqOnTheirWay, float64(s.OnTheirWay))
	age := 0.
	if !s.Oldest.IsZero() {
		age = max(0, time.Since(s.Oldest).Seconds())
	}
	gauge(dlqOldest, age)
	if !s.TakenFrom.IsZero() {
		gauge(dlqRetention, time.Until(s.TakenFrom).Seconds())
	}
	if s.Taken >= 0 {
		ch <- prometheus.MustNewConstMetric(dlqTaken, prometheus.CounterValue, float64(s.Taken))
	}
	gauge(dlqUnreadable, float64(s.Unreadable))
	gauge(dlqRead, float64(s.Read.UnixMilli())/1000)
	gauge(dlqTook, s.Took.Seconds())
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
