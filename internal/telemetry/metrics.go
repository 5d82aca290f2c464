package telemetry

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Config of Metrics.
type Config struct {
	Version  string
	Verdicts []string // what a call can end with
	Reasons  []string // why an event can become a letter
	Holds    []string // what can hold sending up
	// Sample is taken at each scrape. nil: none.
	Sample func() Sample
}

// Metrics counts what happens as it happens. All methods are safe for concurrent use and cost well below
// a microsecond.
type Metrics struct {
	registry *prometheus.Registry
	wait     prometheus.Histogram
	took     prometheus.Histogram
	messages prometheus.Histogram
	calls    labelled
	letters  labelled
}

// other is the label of what isn't in the fixed set.
const other = "other"

// labelled is a counter for each value of one label.
type labelled map[string]prometheus.Counter

func newLabelled(r prometheus.Registerer, name, help, label string, values []string) labelled {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	r.MustRegister(vec)
	l := labelled{}
	for _, v := range append(slices.Clone(values), other) {
		l[v] = vec.WithLabelValues(v)
	}
	return l
}

func (l labelled) inc(value string) {
	c, ok := l[value]
	if !ok {
		c = l[other]
	}
	c.Inc()
}

// NewMetrics makes metrics with a registry of their own.
func NewMetrics(cfg Config) *Metrics {
	r := prometheus.NewRegistry()
	m := &Metrics{
		registry: r,
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "roomrelay_delivery_wait_seconds", Help: "From an event's arrival in the worker to the answer that says that it was delivered.",
			Buckets: []float64{.01, .025, .05, .1, .15, .2, .3, .5, 1, 2, 5, 10, 30, 60, 300, 1800},
		}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "roomrelay_call_seconds", Help: "How long calls of the API took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .2, .3, .5, 1, 2, 5, 10},
		}),
		messages: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "roomrelay_call_messages", Help: "Messages a call.", Buckets: prometheus.LinearBuckets(1, 1, 10),
		}),
		calls:   newLabelled(r, "roomrelay_calls_total", "Calls of the API, by what the answer said of the whole call.", "verdict", cfg.Verdicts),
		letters: newLabelled(r, "roomrelay_letters_total", "Letters acknowledged by Kafka, by reason.", "reason", cfg.Reasons),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "roomrelay_build_info", Help: "1; the version is a label.", ConstLabels: prometheus.Labels{"version": cfg.Version},
	})
	info.Set(1)
	r.MustRegister(m.wait, m.took, m.messages, info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cfg.Sample != nil {
		r.MustRegister(sampler{cfg.Sample, cfg.Holds})
	}
	return m
}

func (m *Metrics) scraped() *prometheus.Registry { return m.registry }

// Delivered counts an event that was delivered, with the time from its arrival to the answer.
func (m *Metrics) Delivered(wait time.Duration) { m.wait.Observe(wait.Seconds()) }

// Attempted counts a call.
func (m *Metrics) Attempted(took time.Duration, messages int, verdict string) {
	m.took.Observe(took.Seconds())
	m.messages.Observe(float64(messages))
	m.calls.inc(verdict)
}

// Lettered counts an acknowledged letter.
func (m *Metrics) Lettered(reason string) { m.letters.inc(reason) }
