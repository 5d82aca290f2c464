package fetch

import "fmt"

// Cursor decodes a Response record by record.
type Cursor struct {
	rest     []byte // batches not begun
	position int64
	wanted   int64 // records below aren't
	limit    int
	aborted  []aborted          // not reached yet, by first offset
	dropped  map[int64]struct{} // producers in an aborted transaction
	begun    bool               // a batch was complete

	head   batchHead
	left   int32 // records of the batch
	lastAt int64 // offset of the one before, or base - 1
	in     *stream
	failed error
}

// Next returns the next record; ok is false at the end of the answer. An error (damaged or unknown data)
// is final; records before it are good, and Position is the offset of the batch that couldn't be read or,
// if records of it were, behind the last of these.
func (c *Cursor) Next() (r Record, ok bool, err error) {
	for c.failed == nil {
		if c.in == nil {
			if ok, err = c.open(); err != nil {
				return r, false, c.fail(err)
			}
			if !ok {
				return r, false, nil
			}
			continue
		}
		if c.left == 0 {
			c.leave()
			continue
		}
		c.left--
		if r, err = c.read(); err != nil {
			return Record{}, false, c.fail(fmt.Errorf("batch at %d: %w", c.head.base, err))
		}
		c.lastAt = r.Offset
		if r.Offset < c.wanted {
			continue // the broker sends whole batches
		}
		c.position = r.Offset + 1
		return r, true, nil
	}
	return r, false, c.failed
}

// Position is the offset to fetch next after what was read: behind the last record returned or, once a
// batch is read to its end, behind the batch, however much of it was compacted away.
func (c *Cursor) Position() int64 { return c.position }

// Epoch is that of the leader that wrote the last record returned, as its batch bears it (KIP-101).
func (c *Cursor) Epoch() int32 { return c.head.epoch }

func (c *Cursor) fail(err error) error {
	c.close()
	c.failed = err
	return err
}

// close ends the cursor where it stands.
func (c *Cursor) close() {
	if c.in != nil {
		c.in.close()
		c.in = nil
	}
	c.rest, c.begun = nil, true
}

// open goes on to the next batch that has records to hand out.
func (c *Cursor) open() (ok bool, err error) {
	batch, rest, ok, err := cutBatch(c.rest)
	switch {
	case err != nil:
		return false, fmt.Errorf("batch at %d: %w", c.position, err)
	case !ok && !c.begun && len(c.rest) > 0:
		// The first batch comes whole since Fetch version 3 (KIP-74). Asking again would bring the same.
		return false, fmt.Errorf("batch at %d: %w", c.position, errShort)
	case !ok:
		return false, nil
	}
	c.rest, c.begun = rest, true
	if c.head, err = readHead(batch); err != nil {
		return false, fmt.Errorf("batch at %d: %w", c.position, err)
	}
	if err := c.mark(); err != nil {
		return false, err
	}
	if c.head.last < c.position {
		return true, nil // wholly before what was asked for
	}
	if c.head.base < c.position && c.position > c.wanted {
		return false, fmt.Errorf("%w: base %d after offset %d", errDamaged, c.head.base, c.position-1)
	}
	if c.head.has(control) || c.isAborted() || c.head.count == 0 {
		c.position = c.head.last + 1
		return true, nil
	}
	if c.in, err = newStream(c.head.attributes&compression, c.head.records); err != nil {
		return false, fmt.Errorf("batch at %d: %w", c.head.base, err)
	}
	c.left, c.lastAt = c.head.count, c.head.base-1
	return true, nil
}

// leave ends a batch that was read to its end.
func (c *Cursor) leave() {
	c.in.close()
	c.in = nil
	c.position = max(c.position, c.head.last+1)
}

// mark follows the aborted transactions. A producer is matched by its id alone: since KIP-890 a marker
// carries another epoch than the records that it ends.
func (c *Cursor) mark() error {
	for len(c.aborted) > 0 && c.aborted[0].first <= c.head.last {
		if c.dropped == nil {
			c.dropped = map[int64]struct{}{}
		}
		c.dropped[c.aborted[0].producer] = struct{}{}
		c.aborted = c.aborted[1:]
	}
	if !c.head.has(control) {
		return nil
	}
	abort, err := c.head.isAbort()
	if err != nil {
		return fmt.Errorf("control batch at %d: %w", c.head.base, err)
	}
	if abort {
		delete(c.dropped, c.head.producer)
	}
	return nil
}

func (c *Cursor) isAborted() bool {
	_, dropped := c.dropped[c.head.producer]
	return dropped && c.head.has(transactional)
}

// isAbort reads a control batch: its one record's key is a version and a type, of which 0 is an abort.
func (h *batchHead) isAbort() (bool, error) {
	if h.count == 0 { // cleaned
		return false, nil
	}
	in, err := newStream(h.attributes&compression, h.records)
	if err != nil {
		return false, err
	}
	defer in.close()
	size, err := in.varint()
	if err != nil {
		return false, err
	}
	const most = 1 << 10 // markers have 4 bytes of key and 6 of value
	if size < leastRecord || size > most {
		return false, fmt.Errorf("%w: marker of %d bytes", errDamaged, size)
	}
	whole, err := in.next(int(size))
	if err != nil {
		return false, err
	}
	p, err := split(whole)
	if err != nil {
		return false, err
	}
	key := fields{rest: p.key}
	key.int16() // version
	kind := key.int16()
	return kind == 0, key.err
}

// read decodes one record.
func (c *Cursor) read() (r Record, err error) {
	size, err := c.in.varint()
	if err != nil {
		return r, err
	}
	if size < leastRecord || size > 1<<31-1 {
		return r, fmt.Errorf("%w: record of %d bytes", errDamaged, size)
	}
	var p parts
	if size <= int64(c.limit)+leastRecord+maxHead {
		whole, err := c.in.next(int(size))
		if err != nil {
			return r, err
		}
		if p, err = split(whole); err != nil {
			return r, err
		}
		if err := c.place(&p, &r); err != nil || r.Offset < c.wanted {
			return r, err
		}
		at := r.Offset
		r, err = p.record(c.limit)
		r.Offset, r.Time = at, c.head.time(p.timeDelta)
		return r, err
	}
	p, value, err := c.in.skim(size)
	if err != nil {
		return r, err
	}
	if err := c.place(&p, &r); err != nil {
		return r, err
	}
	at := r.Offset
	r = p.odd(int(max(0, value)), value == -1)
	r.Offset, r.Time = at, c.head.time(p.timeDelta)
	return r, nil
}

// place sets the record's offset, which must lie behind the one before and within the batch.
func (c *Cursor) place(p *parts, r *Record) error {
	if p.offsetDelta < 0 || p.offsetDelta > c.head.last-c.head.base || c.head.base+p.offsetDelta <= c.lastAt {
		return fmt.Errorf("%w: offset delta %d", errDamaged, p.offsetDelta)
	}
	r.Offset = c.head.base + p.offsetDelta
	return nil
}
