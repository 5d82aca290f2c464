package deadletter

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// assignment names a tray.
type assignment struct {
	partition int32 // of the source topic
	epoch     uint64
	// aside is for letters that the broker refused one by one while others of the partition were
	// written: they are tried again and again without holding these up.
	aside bool
}

// tray is the letters of one assignment, in the order in which they were put. One goroutine tends it, with
// one request on its way at a time, so that order is kept; trays don't wait for one another.
type tray struct {
	w *Writer
	assignment
	cancel context.CancelFunc // nil before Run; set once, under w.mu

	// Owned by the goroutine.
	alone int // how many from the head on must go one by one

	// Under w.mu.
	queue   []*envelope
	failing time.Time // since when; meaningful with failure
	failure error     // of the last try
}

// envelope is a letter on its way, and what of it can be written.
type envelope struct {
	letter *Letter
	form   form
}

// form is how much of a letter is written. Each later one is for what the broker refused as too large.
type form uint8

const (
	whole     form = iota
	truncated      // empty value, none of the source's headers
	bare           // no key either
)

// Bounds of one request, far below the 1 MiB that a broker takes by default even if nothing compresses.
// A larger letter goes alone.
const (
	maxLetters = 500
	maxBytes   = 512 << 10
)

// leaseRetry is how soon a lapsed lease is looked at again: the heartbeat that brings it back comes every
// few seconds.
const leaseRetry = 250 * time.Millisecond

func (t *tray) run(ctx context.Context) {
	retry := backoff.NewExponentialBackOff(backoff.WithInitialInterval(t.w.cfg.RetryInitial),
		backoff.WithMaxInterval(t.w.cfg.RetryMax), backoff.WithMaxElapsedTime(0))
	for ctx.Err() == nil {
		batch := t.head()
		if batch == nil {
			return
		}
		// All letters of a tray are of one assignment, so that one answer holds for all.
		if !t.w.cfg.Owned(&batch[0].letter.Record) {
			pause(ctx, leaseRetry)
			continue
		}
		throttled, err := t.w.write(ctx, t.partition, batch)
		if ctx.Err() != nil {
			return // stopped or forgotten: what was written, if it was, is nobody's matter any more
		}
		if err == nil {
			t.written(batch)
			retry.Reset()
			// Sent earlier, the next request would be answered too late: letters would be written twice.
			pause(ctx, throttled)
			continue
		}
		if t.sort(batch, err) {
			continue
		}
		t.failed(err)
		pause(ctx, min(retry.NextBackOff(), t.w.cfg.RetryMax)) // its jitter goes beyond
	}
}

// head returns the letters to write next, or nil and takes the tray away if there are none.
func (t *tray) head() []*envelope {
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if len(t.queue) == 0 {
		// A later Put makes another tray; a forgotten one is out of the map already.
		if t.w.trays[t.assignment] == t {
			delete(t.w.trays, t.assignment)
		}
		return nil
	}
	n, size := 0, 0
	for n < min(len(t.queue), maxLetters) {
		size += t.queue[n].letter.size()
		if n > 0 && (size > maxBytes || t.alone > 0) {
			break
		}
		n++
	}
	return append([]*envelope(nil), t.queue[:n]...)
}

// written takes acknowledged letters out and tells of them.
func (t *tray) written(batch []*envelope) {
	letters := make([]*Letter, len(batch))
	t.w.mu.Lock()
	if t.w.trays[t.assignment] != t {
		t.w.mu.Unlock()
		return // forgotten between the answer and here
	}
	for i, e := range batch {
		letters[i] = e.letter
		if e.form != whole {
			t.w.stats.Truncated++
		}
	}
	t.w.stats.Waiting -= len(batch)
	t.w.stats.Written += int64(len(batch))
	t.drop(len(batch))
	recovered := t.failure != nil
	t.failure = nil
	t.w.mu.Unlock()
	if recovered {
		t.w.rarely.Info().Str("topic", t.w.cfg.Topic).Int32("source-partition", t.partition).Msg("letters are written again")
	}
	t.w.cfg.Written(letters)
}

// drop takes n letters from the head. w.mu is held.
func (t *tray) drop(n int) {
	clear(t.queue[:n]) // the array lives on until the queue grows
	t.queue = t.queue[n:]
	t.alone = max(0, t.alone-n)
}

// sort looks at a refusal that is about a letter and not about the topic. True: it was dealt with, the
// next try may be made at once.
func (t *tray) sort(batch []*envelope, err error) bool {
	large := tooLarge(err)
	switch {
	case !large && !ofOne(err):
		return false
	case len(batch) > 1:
		t.alone = len(batch)
		return true
	case large && batch[0].form < bare:
		batch[0].form++
		return true
	case t.aside:
		return false
	}
	t.w.mu.Lock()
	defer t.w.mu.Unlock()
	if t.w.trays[t.assignment] != t {
		return true // forgotten
	}
	t.drop(1)
	a := t.assignment
	a.aside = true
	t.w.add(a, batch[0])
	return true
}

// failed notes a try that came to nothing.
func (t *tray) failed(err error) {
	t.w.mu.Lock()
	if t.failure == nil {
		t.failing = time.Now()
	}
	t.failure = err
	t.w.stats.Failed++
	waiting := len(t.queue)
	if t.aside && waiting > 1 { // each has its turn: what the broker has against one may not hold for the next
		t.queue = append(t.queue[1:], t.queue[0])
	}
	t.w.mu.Unlock()
	t.w.rarely.Warn().Err(err).Str("topic", t.w.cfg.Topic).Int32("source-partition", t.partition).
		Int("waiting", waiting).Msg("letters can't be written, trying again")
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
