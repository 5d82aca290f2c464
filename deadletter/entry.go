package deadletter

import "cmp"

// State of a letter.
type State uint8

// All states.
const (
	Outstanding State = iota // somebody has to decide
	OnItsWay                 // published again, and the group's commits don't settle that position yet
	Done                     // settled after a replay, published to another topic, or discarded
)

func (s State) String() string {
	switch s {
	case Outstanding:
		return "outstanding"
	case OnItsWay:
		return "on its way"
	}
	return "done"
}

// Entry is what a Ledger keeps of a letter: about 250 bytes. The rest is read again when it is wanted.
type Entry struct {
	Place    Place // of its newest record on the dead-letter topic
	Identity Identity
	Source   Place // where the event stood when it failed last

	Room                             int64
	Written, FailedAt, FirstFailedAt Moment
	Reason, Outcome                  string
	Code                             int32
	Replays                          int32
	Size                             int32 // of the record's key and value
	State                            State
	By                               Author

	Truncated bool // its value isn't here
	Invalid   bool // the worker would refuse it as it is
	Matched   bool // by the filter

	// Marks are those that put it on its way or, where they were asked for, ended it.
	Marks []*Mark
	// Older are records of the same letter on other partitions that no mark covers: it was published by
	// a replay that ended before it could mark them.
	Older []Older
}

// Older is a record of a letter that isn't its newest one.
type Older struct {
	Place   Place
	Replays int32
}

// Before orders letters by when they failed last.
func (e *Entry) Before(o *Entry) int {
	return cmp.Or(cmp.Compare(e.FailedAt, o.FailedAt), cmp.Compare(e.Place.Partition, o.Place.Partition), cmp.Compare(e.Place.Offset, o.Place.Offset))
}

// EntryOf is what a Ledger would keep of a record on its own.
func EntryOf(f *Filed) *Entry {
	e := &Entry{}
	e.update(f, newNames(), true)
	return e
}

// update makes f the newest record of the letter.
func (e *Entry) update(f *Filed, names *names, matched bool) {
	*e = Entry{
		Place: f.Place, Source: f.Source, Room: f.Room,
		Identity: Identity{names.same(f.Identity.Group), names.same(f.Identity.Topic), names.same(f.Identity.TopicID), f.Identity.Partition, f.Identity.Offset},
		Written:  momentOf(f.Written), FailedAt: momentOf(f.FailedAt), FirstFailedAt: momentOf(f.FirstFailedAt),
		Reason: names.same(f.Reason), Outcome: names.same(f.Outcome), Code: int32(f.Code), Replays: int32(f.Replays),
		Size: int32(len(f.Key) + len(f.Value)), By: f.By, Truncated: f.Truncated > 0, Matched: matched,
	}
	// Decoding costs more than reading: only of those that may well be invalid it is asked.
	if f.Reason == ReasonInvalid || f.By != Ours {
		_, err := f.Event()
		e.Invalid = err != nil && !e.Truncated
	}
}
