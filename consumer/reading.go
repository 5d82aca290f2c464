package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	kafka "github.com/segmentio/kafka-go"

	"roomrelay/consumer/internal/offsets"
	"roomrelay/internal/fetch"
)

const (
	// fetchWait is how long a broker holds a fetch while there is nothing: two idle requests a second and
	// partition.
	fetchWait = 500 * time.Millisecond
	// fetchSlack is how long a fetch may take beyond that before its broker counts as frozen.
	fetchSlack = 3 * time.Second
	// A fetch's share of the buffer's bytes; the bounds keep it from being useless or from pinning memory.
	fetchLeast, fetchMost = 64 << 10, 1 << 20
)

// read fetches and hands out records until the claim ends. It returns why.
func (cl *claim) read(position int64) error {
	retry := newRetry()
	for {
		next, err := cl.fetch(position)
		if cl.reading.Err() != nil {
			return context.Cause(cl.reading)
		}
		position = next // also after an error: what was handed out isn't fetched again
		switch {
		case err == nil:
			cl.working()
			retry.Reset()
			continue
		case errors.Is(err, fetch.ErrOtherTopic), errors.Is(err, kafka.UnknownTopicOrPartition):
			cl.c.member.Suspect()
		case errors.Is(err, kafka.OffsetOutOfRange):
			if position, err = cl.outOfRange(position); err == nil {
				continue
			}
		}
		if _, ok := errors.AsType[*fatalError](err); ok || errors.Is(err, errCut) {
			return err
		}
		cl.failing("fetching", err)
		pause(cl.reading, retry.NextBackOff())
	}
}

// fetch does one request and hands out what it brings. next is where to go on.
func (cl *claim) fetch(position int64) (next int64, err error) {
	ctx, cancel := context.WithTimeout(cl.reading, fetchWait+fetchSlack)
	defer cancel()
	held, _ := cl.c.Partitions()
	request := fetch.Request{
		Topic: cl.c.cfg.Topic, Partition: cl.partition, Offset: position, ClientID: cl.c.cfg.ClientID,
		MaxBytes: min(max(cl.c.cfg.MaxBytes/max(held, 1), fetchLeast), fetchMost),
		MaxWait:  fetchWait, LeaderEpoch: -1,
	}
	if cl.byID {
		request.ID = cl.topic
	}
	answer, err := fetch.Do(ctx, cl.c.cfg.Transport, cl.c.cfg.Addr, request)
	if err != nil {
		return position, fmt.Errorf("fetching partition %d at %d: %w", cl.partition, position, err)
	}
	defer answer.Close()
	cl.noteEnd(answer.HighWatermark)
	out := &handout{claim: cl}
	records := answer.Records(fetch.Limits{MaxValue: cl.c.cfg.MaxBytes})
	read := position
	for {
		r, ok, err := records.Next()
		if ok {
			if err := cl.follows(records.Epoch(), read); err != nil {
				out.flush()
				return read, err
			}
			read = records.Position()
		}
		if err != nil || !ok {
			out.flush()
			next = max(position, records.Position())
			cl.passed(next)
			cl.waits(next, answer.LastStable, answer.HighWatermark)
			if err != nil {
				err = fmt.Errorf("reading partition %d at %d: %w", cl.partition, next, err)
			}
			cl.throttled(answer.Throttled)
			return next, err
		}
		if err := out.add(&r); err != nil {
			return r.Offset, err
		}
	}
}

// throttled waits as long as the broker wants no further request. Asked earlier it would answer too late, the
// request would count as failed, and over a new connection the quota would be passed by.
func (cl *claim) throttled(wait time.Duration) {
	if wait <= 0 {
		return
	}
	cl.rarely.Info().Dur("wait", wait).Msg("brokers hold fetching back: a client quota is used up")
	pause(cl.reading, wait)
}

// passed tells the tracker that everything below next has been seen: offsets that don't exist there
// (compacted, control records) never will.
func (cl *claim) passed(next int64) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.phase < over {
		cl.tracker.Position(next)
	}
}

func (cl *claim) noteEnd(end int64) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.logEnd = max(cl.logEnd, end)
}

// outOfRange decides where to go on when the partition's log doesn't have position any more.
func (cl *claim) outOfRange(position int64) (next int64, err error) {
	log, err := cl.c.logRange(cl.reading, cl.partition)
	if err != nil {
		return position, err
	}
	switch {
	case position > log.end:
		// A log that lost its end (an unclean leader election) writes other records at the same offsets.
		// What is known of them is worthless: the claim begins again.
		cut, err := cl.cutAt(cl.leader, position)
		if err != nil {
			return position, err
		}
		if cut == whole {
			cl.log.Error().Int64("position", position).Int64("log-start", log.start).Int64("log-end", log.end).
				Msg("partition's log ends below what was read, taking it over anew")
		}
		return position, errCut
	case position >= log.start:
		// In range for the leader of now: the answer came from a replica that lags behind.
		return position, fmt.Errorf("fetching partition %d at %d: %w", cl.partition, position, kafka.OffsetOutOfRange)
	}
	if next, err = cl.reset(fmt.Sprintf("offset %d is gone", position), log); err != nil {
		return position, err
	}
	cl.leader = offsets.NoEpoch
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.phase < over {
		cl.tracker.PassOver(next)
	}
	return next, nil
}
