package consumer

import "time"

// transactionAfter is how long an open transaction may hold a partition up before it is told: transactional
// producers end theirs within seconds, and a broker ends a dead producer's after a minute
// (transaction.timeout.ms), unless it was told to wait for longer.
const transactionAfter = 10 * time.Second

// transaction is one of a producer's that hasn't ended: its records, and whatever stands behind them, aren't handed
// out before it has.
type transaction struct {
	since time.Time // zero: none
	told  bool
}

// waits takes in what a fetch from next on tells of transactions. Whoever looks at a partition whose lag grows
// must not have to guess.
func (cl *claim) waits(next, stable, end int64) {
	t := &cl.open
	if stable < 0 || stable >= end || next < stable {
		if t.told {
			cl.log.Info().Int64("position", next).Dur("held-for", time.Since(t.since)).Msg("transaction ended, the partition goes on")
		}
		*t = transaction{}
		return
	}
	if t.since.IsZero() {
		t.since = time.Now()
	}
	if held := time.Since(t.since); held >= transactionAfter {
		t.told = true
		cl.rarely.Warn().Int64("position", next).Int64("log-end", end).Dur("held-for", held).
			Msg("partition is held up by a producer's transaction that hasn't ended")
	}
}
