package consumer

import (
	"context"
	"fmt"

	"roomrelay/consumer/internal/group"
	"roomrelay/consumer/internal/offsets"
	"roomrelay/internal/fetch"
)

// A log loses its end when a replica that lagged behind becomes its leader (an unclean election), and other records
// are written at the same offsets. Who goes on at its position misses them, and whose commit knows some as settled
// skips them. Walk-through: offsets up to 100 are read; the leader dies, and one whose log ends at 80 follows it; before
// the next fetch 30 records are written; the fetch at 100 is answered as ever, and 80 to 99 are never seen. So before
// what a new leader wrote is handed out, it is asked where its log ends for the leader before (KIP-320).

// whole is where a log was not cut.
const whole = -1

// cutAt asks the leader where the log was cut below read, the end of what was read and written by leaders up to this
// epoch; whole: nowhere, or the leader can't tell. It says which records are lost.
func (cl *claim) cutAt(epoch int32, read int64) (cut int64, err error) {
	if epoch == offsets.NoEpoch {
		return whole, nil
	}
	ctx, cancel := context.WithTimeout(cl.reading, group.CommitPatience)
	defer cancel()
	end, known, err := fetch.EndOf(ctx, cl.c.cfg.Transport, cl.c.cfg.Addr, fetch.Written{Topic: cl.c.cfg.Topic, Partition: cl.partition, Epoch: epoch})
	if err != nil {
		return whole, fmt.Errorf("asking where leader epoch %d of partition %d ends: %w", epoch, cl.partition, err)
	}
	if !known || end >= read {
		return whole, nil
	}
	log, err := cl.c.logRange(cl.reading, cl.partition)
	if err != nil || end < log.start { // then it is no answer: epochs are forgotten with their records
		return whole, err
	}
	cl.log.Error().Int64("from", end).Int64("to", read).Int64("log-start", log.start).Int64("log-end", log.end).
		Msg("partition's log was cut below what was read: the brokers have lost these records")
	return end, nil
}

// follows lets reading go on with what a leader of this epoch wrote, read being the end of what was read before.
// errCut: the log doesn't hold that any more.
func (cl *claim) follows(epoch int32, read int64) error {
	if epoch <= cl.leader {
		return nil
	}
	cut, err := cl.cutAt(cl.leader, read)
	if err != nil {
		return err
	}
	if cut != whole {
		return errCut
	}
	cl.leader = epoch
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.tracker.Wrote(epoch)
	return nil
}
