package telemetry

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Sample is a moment of the worker. Counters count since it began.
type Sample struct {
	Ready bool
	Hold  string // what holds sending up; "" while nothing does

	BufferedEvents int
	BufferedBytes  int
	Lanes          int
	RoomsInTrouble int
	InFlight       int
	LettersWaiting int

	PartitionsHeld  int
	PartitionsTotal int
	QuotaShare      float64 // calls a second that this worker may make; 0: no limit
	Partitions      []PartitionSample

	Arrived          int64
	Delivered        int64
	Lettered         int64
	Skipped          int64
	Strangers        int64
	Tombstones       int64
	Doubtful         int64
	Oversize         int64
	Commits          int64
	CommitsFailed    int64
	CommitOverflows  int64
	Rebalances       int64
	PartitionsLost   int64
	LettersTruncated int64
	LetterFailures   int64
}

// PartitionSample is a moment of one partition.
type PartitionSample struct {
	Partition int32
	Lag       int64 // offsets up to the log's end that aren't settled
	InDoubt   int   // events that the API may have, and that aren't settled
}

// sampler gives a Sample as metrics.
type sampler struct {
	take  func() Sample
	holds []string // what can hold sending up
}

// Describe sends nothing: which partitions there are is not known before.
func (sampler) Describe(chan<- *prometheus.Desc) {}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("roomrelay_"+name, help, labels, nil)
}

var (
	lag     = desc("lag", "Offsets of the partition's log that aren't settled.", "partition")
	inDoubt = desc("in_doubt_events", "Events of the partition that the API may have and that aren't settled.", "partition")
	held    = desc("sending_held", "1 for what holds sending up: the API's quota, the breaker, or a wrong set-up.", "cause")
	settled = desc("settled_total", "Events that have their final outcome.", "outcome")
)

// gauges and counters without labels.
var (
	gauges = []struct {
		desc *prometheus.Desc
		of   func(*Sample) float64
	}{
		{desc("ready", "1 if the worker can do its work, else 0."), func(s *Sample) float64 { return truth(s.Ready) }},
		{desc("buffered_events", "Events fetched and not settled."), func(s *Sample) float64 { return float64(s.BufferedEvents) }},
		{desc("buffered_bytes", "Their size."), func(s *Sample) float64 { return float64(s.BufferedBytes) }},
		{desc("lanes", "Lanes with events."), func(s *Sample) float64 { return float64(s.Lanes) }},
		{desc("rooms_in_trouble", "Rooms whose last call failed."), func(s *Sample) float64 { return float64(s.RoomsInTrouble) }},
		{desc("calls_in_flight", "Calls on their way."), func(s *Sample) float64 { return float64(s.InFlight) }},
		{desc("letters_waiting", "Letters that Kafka hasn't acknowledged yet."), func(s *Sample) float64 { return float64(s.LettersWaiting) }},
		{desc("partitions_held", "Partitions that this worker holds."), func(s *Sample) float64 { return float64(s.PartitionsHeld) }},
		{desc("partitions", "Partitions of the topic."), func(s *Sample) float64 { return float64(s.PartitionsTotal) }},
		{desc("quota_calls_per_second", "This worker's share of the rate; 0: no limit, or no partitions."), func(s *Sample) float64 { return s.QuotaShare }},
	}
	counters = []struct {
		desc *prometheus.Desc
		of   func(*Sample) int64
	}{
		{desc("arrived_total", "Events handed out to be sent."), func(s *Sample) int64 { return s.Arrived }},
		{desc("skipped_total", "Records that an earlier owner had settled."), func(s *Sample) int64 { return s.Skipped }},
		{desc("other_replays_total", "Letters that another group replays, passed over."), func(s *Sample) int64 { return s.Strangers }},
		{desc("tombstones_total", "Records without a value, passed over."), func(s *Sample) int64 { return s.Tombstones }},
		{desc("doubtful_total", "Records that an earlier owner may have sent."), func(s *Sample) int64 { return s.Doubtful }},
		{desc("oversize_total", "Records larger than the whole buffer."), func(s *Sample) int64 { return s.Oversize }},
		{desc("commits_total", "Commit requests."), func(s *Sample) int64 { return s.Commits }},
		{desc("commits_failed_total", "Commit requests of which not all was applied."), func(s *Sample) int64 { return s.CommitsFailed }},
		{desc("commit_overflows_total", "Commits whose settled set didn't fit into the metadata."), func(s *Sample) int64 { return s.CommitOverflows }},
		{desc("rebalances_total", "Assignments received."), func(s *Sample) int64 { return s.Rebalances }},
		{desc("partitions_lost_total", "Partitions lost without a handover."), func(s *Sample) int64 { return s.PartitionsLost }},
		{desc("letters_truncated_total", "Letters written without their value."), func(s *Sample) int64 { return s.LettersTruncated }},
		{desc("letter_failures_total", "Tries to write letters that failed."), func(s *Sample) int64 { return s.LetterFailures }},
	}
)

// Collect takes the sample.
func (f sampler) Collect(out chan<- prometheus.Metric) {
	s := f.take()
	for _, g := range gauges {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.of(&s))
	}
	for _, c := range counters {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(c.of(&s)))
	}
	for _, cause := range f.holds {
		out <- prometheus.MustNewConstMetric(held, prometheus.GaugeValue, truth(s.Hold == cause), cause)
	}
	out <- prometheus.MustNewConstMetric(settled, prometheus.CounterValue, float64(s.Delivered), "delivered")
	out <- prometheus.MustNewConstMetric(settled, prometheus.CounterValue, float64(s.Lettered), "lettered")
	for _, p := range s.Partitions {
		number := strconv.Itoa(int(p.Partition))
		out <- prometheus.MustNewConstMetric(lag, prometheus.GaugeValue, float64(p.Lag), number)
		out <- prometheus.MustNewConstMetric(inDoubt, prometheus.GaugeValue, float64(p.InDoubt), number)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
