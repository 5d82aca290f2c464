package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v4"
	kafka "github.com/segmentio/kafka-go"

	"roomrelay/consumer/internal/group"
	"roomrelay/consumer/internal/offsets"
	"roomrelay/internal/commits"
)

// fatalError is what waiting can't cure.
type fatalError struct{ error }

func (e *fatalError) Unwrap() error { return e.error }

// newRetry is the backoff of a partition's requests and of commits. A leader that moves is back within about a second, a
// dead broker's after 6 to 9 s: what the longest pause adds to that, three quarters of a second at most, is seen by
// all who wait for a message, and twice a second is no load for a broker.
func newRetry() *backoff.ExponentialBackOff {
	return backoff.NewExponentialBackOff(backoff.WithInitialInterval(50*time.Millisecond),
		backoff.WithMaxInterval(500*time.Millisecond), backoff.WithMaxElapsedTime(0))
}

// pause waits for d; false: ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// logRange is what a partition's log holds: offsets from start up to, not including, end.
type logRange struct{ start, end int64 }

// take finds out where the claim begins and what of it an earlier owner may have sent.
func (cl *claim) take() (position int64, err error) {
	retry := newRetry()
	for {
		var commit *commits.Commit
		var log logRange
		commit, err = cl.c.member.Committed(cl.reading, cl.partition)
		if err == nil {
			// Read after the commit: the later end is the larger one, and what is below it may be in doubt.
			log, err = cl.c.logRange(cl.reading, cl.partition)
		}
		var found finding
		if err == nil {
			found, err = cl.examine(commit)
		}
		if err == nil {
			return cl.begins(found, log)
		}
		if cl.reading.Err() != nil {
			return 0, context.Cause(cl.reading)
		}
		cl.failing("takeover", err)
		pause(cl.reading, retry.NextBackOff())
	}
}

// finding is what a commit is worth.
type finding struct {
	commit *commits.Commit // nil: none, or one of another topic
	meta   *offsets.Meta   // nil: none that counts
	said   string          // of it all, for the log
	anew   bool            // the topic was made anew
	cut    int64           // the log was cut there, below what an earlier owner settled; or whole
}

// examine judges a commit: is it of this topic, and is what an earlier owner read still there?
func (cl *claim) examine(commit *commits.Commit) (f finding, err error) {
	f = finding{commit: commit, said: "no commit", anew: cl.anew, cut: whole}
	if commit == nil {
		return f, nil
	}
	meta, said := decode(commit)
	switch {
	case meta == nil:
		f.said = said
		return f, nil
	case meta.Topic != "" && cl.topicID != "" && meta.Topic != cl.topicID:
		f.commit, f.said, f.anew = nil, "commit of a former topic", true
		return f, nil
	}
	if f.cut, err = cl.cutAt(meta.Epoch, meta.Known()); err != nil {
		return f, err
	}
	if f.cut != whole {
		f.said = "commit that knows of records that were cut off"
		return f, nil
	}
	f.meta, f.said = meta, said
	return f, nil
}

// decode reads a commit's metadata, and says what it found; meta is nil if it doesn't count.
func decode(commit *commits.Commit) (meta *offsets.Meta, said string) {
	meta, err := offsets.Decode(commit.Metadata, commit.Offset)
	if err != nil {
		return nil, err.Error()
	}
	return meta, "commit with valid metadata"
}

// begins makes the tracker from what was found. It returns where reading begins.
func (cl *claim) begins(f finding, log logRange) (position int64, err error) {
	in := offsets.Takeover{
		LogEnd: log.end, Meta: f.meta,
		Fresh:      cl.c.cfg.Fresh && f.commit == nil && !f.anew,
		InstanceID: cl.c.cfg.InstanceID, Topic: cl.topicID,
		Low: cl.c.remembered(memo{cl.topic, cl.partition}),
	}
	if f.commit != nil {
		in.Start = f.commit.Offset
	}
	switch offset := in.Start; {
	case f.anew && f.commit == nil:
		in.Start = log.start
	case f.commit == nil:
		in.Start, err = cl.reset("no committed offset", log)
	case f.cut != whole:
		in.Start = max(log.start, min(offset, f.cut))
	case offset < log.start:
		in.Gone = in.Meta == nil || in.Meta.SentTo > offset
		in.Start, err = cl.reset(fmt.Sprintf("committed offset %d is gone", offset), log)
	case offset > log.end:
		in.Meta = nil // it speaks of other records than those that are written at its offsets now
		in.Start, err = cl.reset(fmt.Sprintf("committed offset %d isn't written yet", offset), log)
	}
	if err != nil {
		return 0, err
	}
	t := offsets.New(in)
	cl.leader = t.Epoch()
	cl.log.Info().Str("found", f.said).Int64("position", in.Start).Int64("log-start", log.start).Int64("log-end", log.end).
		Bool("fresh", in.Fresh).Bool("in-doubt", t.Doubt() != offsets.NoDoubt).Msg("partition taken over")
	return in.Start, cl.taken(t, in, log)
}

// taken makes the claim running, unless it ended meanwhile.
func (cl *claim) taken(t *offsets.Tracker, in offsets.Takeover, log logRange) error {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.phase != taking {
		return context.Cause(cl.reading)
	}
	cl.phase, cl.tracker, cl.logEnd, cl.behindGone = running, t, log.end, in.Gone
	// A takeover from valid metadata is complete; any other one is when its position is committed: until
	// then the next owner would find as little as this one did.
	cl.committed = in.Meta != nil
	cl.pace = newPace(in.Start, log.end)
	cl.trouble = trouble{}
	switch t.Doubt() {
	case offsets.OwnerGone:
		cl.doubtUntil = cl.began.Add(cl.c.cfg.RequestTimeout)
	case offsets.OwnerAlive:
		cl.doubtUntil = cl.began.Add(cl.c.cfg.Lease + cl.c.cfg.RequestTimeout)
	}
	cl.c.commitSoon()
	return nil
}

// reset is where auto-offset-reset lets a partition go on that has no usable position. It is said aloud:
// records may be passed over, or sent again.
func (cl *claim) reset(why string, log logRange) (int64, error) {
	to, name := log.start, "earliest"
	switch cl.c.cfg.Reset {
	case Latest:
		to, name = log.end, "latest"
	case Fail:
		return 0, &fatalError{fmt.Errorf("topic %q, partition %d: %s; the log holds offsets %d up to %d, and auto-offset-reset is fail",
			cl.c.cfg.Topic, cl.partition, why, log.start, log.end)}
	}
	cl.log.Warn().Str("why", why).Str("auto-offset-reset", name).Int64("position", to).
		Int64("log-start", log.start).Int64("log-end", log.end).Msg("position reset")
	return to, nil
}

// logRange asks the partition's leader for the ends of its log.
func (c *Consumer) logRange(ctx context.Context, partition int32) (logRange, error) {
	ctx, cancel := context.WithTimeout(ctx, group.CommitPatience)
	defer cancel()
	client := kafka.Client{Addr: c.cfg.Addr, Transport: c.cfg.Transport}
	p := int(partition)
	// Without isolation: the end is then the high watermark, which is never below what was ever handed out.
	answer, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{c.cfg.Topic: {kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p)}},
	})
	if err != nil {
		return logRange{}, fmt.Errorf("reading the range of partition %d: %w", partition, err)
	}
	for _, x := range answer.Topics[c.cfg.Topic] {
		if x.Partition != p {
			continue
		}
		if x.Error == nil && (x.FirstOffset < 0 || x.LastOffset < x.FirstOffset) {
			x.Error = errors.New("no offsets in the answer")
		}
		if x.Error != nil {
			return logRange{}, fmt.Errorf("reading the range of partition %d: %w", partition, x.Error)
		}
		return logRange{x.FirstOffset, x.LastOffset}, nil
	}
	return logRange{}, fmt.Errorf("reading the range of partition %d: no answer for it", partition)
}
