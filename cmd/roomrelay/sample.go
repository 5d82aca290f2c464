package main

import (
	"roomrelay/deadletter"
	"roomrelay/internal/config"
	"roomrelay/internal/relay"
	"roomrelay/internal/telemetry"
	"roomrelay/sender"
)

// sample is a moment of the relay, as metrics.
func sample(r *relay.Relay, set *config.Settings) telemetry.Sample {
	s := r.Stats()
	c := &s.Consumer
	x := telemetry.Sample{
		Ready: r.Ready() == nil, Hold: s.Hold.Cause,
		BufferedEvents: c.Events, BufferedBytes: c.Bytes,
		Lanes: s.Batcher.Lanes, RoomsInTrouble: s.Batcher.Troubled, InFlight: s.Batcher.InFlight, LettersWaiting: s.Letterbox.Waiting,
		PartitionsHeld: len(c.Partitions), PartitionsTotal: c.Total,
		Arrived: s.Arrived, Delivered: s.Delivered, Lettered: s.Letters, Skipped: c.Skipped, Strangers: s.Strangers, Tombstones: c.Tombstones,
		Doubtful: c.Doubtful, Oversize: c.Oversize, Commits: c.Commits, CommitsFailed: c.CommitsFailed, CommitOverflows: c.Overflows,
		Rebalances: c.Rebalances, PartitionsLost: c.Lost, LettersTruncated: s.Letterbox.Truncated, LetterFailures: s.Letterbox.Failed,
	}
	if c.Total > 0 {
		x.QuotaShare = set.Rate * float64(len(c.Partitions)) / float64(c.Total)
	}
	for i := range c.Partitions {
		p := &c.Partitions[i]
		x.Partitions = append(x.Partitions, telemetry.PartitionSample{Partition: p.Partition, Lag: p.Lag(), InDoubt: p.InDoubt})
	}
	return x
}

// verdicts and reasons are the labels that there can be.
func verdicts() []string {
	var all []string
	for _, v := range []sender.Verdict{
		sender.Listed, sender.Duplicate, sender.Throttled, sender.Unknown, sender.Undelivered, sender.Unsent, sender.SetUp, sender.Refused,
	} {
		all = append(all, string(v))
	}
	return all
}

func reasons() []string {
	return []string{
		sender.ReasonRefusedRequest, sender.ReasonRefusedMessage, sender.ReasonResendRequired, sender.ReasonGivenUp, deadletter.ReasonInvalid,
	}
}

func holds() []string {
	return []string{string(sender.OverQuota), string(sender.Unresponsive), string(sender.WrongSetUp)}
}
