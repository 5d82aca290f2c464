package consumer

import (
	"context"
	"time"

	"roomrelay/event"
	"roomrelay/internal/fetch"
)

// chunkMost is the most records of one notice: enough that handing over costs nothing, few enough that
// the first of a large fetch isn't kept waiting for the last.
const chunkMost = 256

// handout collects records into notices.
type handout struct {
	claim *claim
	chunk []event.Record
}

// flush hands out what is collected. It comes before every wait.
func (h *handout) flush() {
	if len(h.chunk) == 0 {
		return
	}
	now := time.Now()
	for i := range h.chunk {
		h.chunk[i].Arrived = now
	}
	h.claim.notify(Notice{Kind: Records, Records: h.chunk})
	h.chunk = nil
}

// add hands r out as soon as the write-ahead limit and the bounds allow it.
func (h *handout) add(r *fetch.Record) error {
	cl := h.claim
	if r.Value == nil && r.Oversize == 0 {
		cl.c.counts.tombstones.Add(1)
		return nil
	}
	for {
		wanted, allowed := cl.allows(r.Offset)
		if !wanted {
			cl.c.counts.skipped.Add(1)
			return nil
		}
		if allowed {
			break
		}
		h.flush()
		select {
		case <-cl.moved:
		case <-cl.reading.Done():
			return context.Cause(cl.reading)
		}
	}
	out := cl.record(r)
	if !cl.c.budget.try(&cl.share, out.Bytes) {
		h.flush()
		if err := cl.c.budget.wait(cl.reading, &cl.share, out.Bytes); err != nil {
			return err
		}
	}
	if !cl.admit(&out) {
		return context.Cause(cl.reading)
	}
	// It grows as it fills: at the bounds a chunk is often of one record, and room for all is 50 kB.
	if h.chunk = append(h.chunk, out); len(h.chunk) == chunkMost {
		h.flush()
	}
	return nil
}

// allows says whether the record at offset is to be handed out, and whether it may be sent by now. If not
// yet, a commit that announces it is asked for, and moved tells when to ask again.
func (cl *claim) allows(offset int64) (wanted, allowed bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.phase != running {
		return true, false // reading has ended
	}
	if !cl.tracker.Wanted(offset) {
		return false, false
	}
	cl.tracker.Position(offset) // commits announce what lies ahead of the position, and there may be a gap
	if offset < cl.tracker.Limit() {
		return true, true
	}
	cl.pace.short = true
	// An unanswered commit holds the limit for its time: asking sooner than usual wouldn't move it.
	if !cl.tracker.Low().Any() {
		cl.c.commitSoon()
	}
	return true, false
}

// admit tracks a record from now on. False: reading has ended.
func (cl *claim) admit(r *event.Record) bool {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.phase != running {
		return false
	}
	r.InDoubt, _ = cl.tracker.Admit(r.Offset)
	if r.InDoubt {
		cl.c.counts.doubtful.Add(1)
	}
	if (r.InDoubt || cl.behindGone) && time.Now().Before(cl.doubtUntil) {
		r.NotBefore = cl.doubtUntil
	}
	if !cl.pace.asked && cl.tracker.Limit()-r.Offset < cl.pace.ahead/2 {
		cl.pace.asked = true
		cl.c.commitSoon()
	}
	return true
}

// record is r as it is handed out, but for what only the tracker knows.
func (cl *claim) record(r *fetch.Record) event.Record {
	out := event.Record{
		TopicID: cl.topicID, Partition: cl.partition, Offset: r.Offset, Epoch: cl.epoch, Time: r.Time,
		Key: r.Key, Value: r.Value, Headers: r.Headers, Oversize: r.Oversize,
	}
	size := recordOverhead + len(r.Key)
	for _, x := range r.Headers {
		size += len(x.Key) + len(x.Value)
	}
	out.Bytes = size + len(r.Value)
	if out.Bytes > cl.c.cfg.MaxBytes && out.Oversize == 0 {
		out.Oversize = max(1, len(r.Value))
	}
	if out.Oversize > 0 {
		cl.c.counts.oversize.Add(1)
		out.Value, out.Bytes = []byte{}, size
		if size > cl.c.cfg.MaxBytes { // then its headers alone are too much
			out.Key, out.Headers, out.Bytes = nil, nil, recordOverhead
		}
	}
	return out
}
