package consumer

import "roomrelay/consumer/internal/offsets"

// Progress is what a group's commit says of a partition, for somebody who watches the group from outside.
type Progress struct {
	// Offset is the committed one: all below it is settled.
	Offset  int64
	settled offsets.Set
}

// ReadProgress reads a commit. Metadata that doesn't count (another client's, or kept over a reset) tells
// nothing, and then only what is below the offset is settled.
func ReadProgress(offset int64, metadata string) Progress {
	p := Progress{Offset: offset}
	if m, err := offsets.Decode(metadata, offset); err == nil {
		p.settled = m.Settled
	}
	return p
}

// Settled says whether the commit settles the record at an offset. One that it doesn't settle may be settled
// all the same: by a later commit, or where the commit had no room to say so.
func (p *Progress) Settled(offset int64) bool {
	return offset < p.Offset || p.settled.Contains(offset)
}
