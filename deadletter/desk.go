package deadletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"roomrelay/event"
	"roomrelay/internal/cluster"
	"roomrelay/internal/fetch"
)

// Fetch reads the records of letters. The answer is in the order of the entries; nil stands for one that
// retention has taken since.
func (d *Desk) Fetch(ctx context.Context, entries []*Entry) ([]*Filed, error) {
	index := make(map[Place]int, len(entries))
	by := map[int32][]int64{}
	for i, e := range entries {
		index[e.Place] = i
		by[e.Place.Partition] = append(by[e.Place.Partition], e.Place.Offset)
	}
	found := make([]*Filed, len(entries))
	for p, offsets := range by {
		slices.Sort(offsets)
		err := d.Client.ScanSome(ctx, d.Topic, p, offsets, func(r *fetch.Record) error {
			at := Place{p, r.Offset}
			letter, _, err := read(p, d.Group, r)
			if err != nil {
				return fmt.Errorf("reading letter %s again: %w", at, err)
			}
			found[index[at]] = letter
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// At reads the record at a place. Both are nil if there is none any more, or it is neither.
func (d *Desk) At(ctx context.Context, at Place) (*Filed, *Mark, error) {
	partitions, err := d.Client.Partitions(ctx, d.Topic)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(partitions, at.Partition) {
		return nil, nil, fmt.Errorf("topic %q has no partition %d", d.Topic, at.Partition)
	}
	r, err := d.Client.Read(ctx, d.Topic, at.Partition, at.Offset)
	if err != nil || r == nil {
		return nil, nil, err
	}
	return read(at.Partition, d.Group, r)
}

// mostMarks go in one request. A mark has some 600 bytes.
const mostMarks = 500

// Mark writes marks. With an error some of them may be written. Each goes to the partition of its Place.
func (d *Desk) Mark(ctx context.Context, marks []*Mark) error {
	by := map[int32][]cluster.Message{}
	var partitions []int32 // in the order of their first mark: a letter's older records come before its newest
	for _, m := range marks {
		p := m.Place.Partition
		if by[p] == nil {
			partitions = append(partitions, p)
		}
		by[p] = append(by[p], m.message())
	}
	for _, p := range partitions {
		for some := range slices.Chunk(by[p], mostMarks) {
			if _, err := d.Client.Append(ctx, d.Topic, p, some); err != nil {
				return fmt.Errorf("marking letters: %w", err)
			}
		}
	}
	return nil
}

// MarksOf makes the marks of what was done with a letter: one for each partition on which a record of it isn't
// covered, older ones first. m is the mark without Place, Identity and Replays.
func MarksOf(e *Entry, m Mark) []*Mark {
	m.Identity, m.Room = e.Identity, e.Room
	var all []*Mark
	for _, o := range e.Older {
		older := m
		older.Place, older.Replays = o.Place, int(o.Replays)
		all = append(all, &older)
	}
	m.Place, m.Replays = e.Place, int(e.Replays)
	return append(all, &m)
}

// Probe sees that marks can be written, before anything is done that they have to tell of. It leaves an empty
// checkpoint behind, which no reading heeds.
func (d *Desk) Probe(ctx context.Context) error {
	partitions, err := d.Client.Partitions(ctx, d.Topic)
	if err != nil {
		return err
	}
	_, err = d.Client.Append(ctx, d.Topic, partitions[0], []cluster.Message{{Value: []byte{}, Headers: []event.Header{{Key: HeaderCheckpoint, Value: []byte("probe")}}}})
	if err != nil {
		return fmt.Errorf("seeing whether letters can be marked: %w", err)
	}
	return nil
}

// ReadBack reads a letter from its record's parts, as they were taken from a dead-letter topic. The error says
// why they are none.
func (d *Desk) ReadBack(key, value []byte, headers []event.Header) (*Filed, error) {
	f, m, err := read(0, d.Group, &fetch.Record{Key: key, Value: value, Headers: headers, Time: time.Now()})
	switch {
	case err != nil:
		return nil, err
	case m != nil:
		return nil, errors.New("it is a mark, and no letter")
	case f == nil:
		return nil, errors.New("it is no letter")
	}
	return f, nil
}

// File appends letters as they are, each to the partition that its source partition has on the topic.
func (d *Desk) File(ctx context.Context, letters []*Filed) error {
	partitions, err := d.Client.Partitions(ctx, d.Topic)
	if err != nil {
		return err
	}
	by := map[int32][]cluster.Message{}
	for _, f := range letters {
		p := partitions[int(f.Source.Partition)%len(partitions)]
		by[p] = append(by[p], cluster.Message{Key: f.Key, Value: f.Value, Headers: f.Headers})
	}
	for _, p := range partitions {
		if len(by[p]) == 0 {
			continue
		}
		if err := d.fileSome(ctx, p, by[p]); err != nil {
			return err
		}
	}
	return nil
}

// fileSome appends messages, in smaller batches where the topic takes no larger ones.
func (d *Desk) fileSome(ctx context.Context, partition int32, messages []cluster.Message) error {
	_, err := d.Client.Append(ctx, d.Topic, partition, messages)
	if cluster.TooLarge(err) && len(messages) > 1 {
		half := len(messages) / 2
		return errors.Join(d.fileSome(ctx, partition, messages[:half]), d.fileSome(ctx, partition, messages[half:]))
	}
	return err
}
