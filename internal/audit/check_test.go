package audit

import (
	"slices"
	"testing"

	"roomrelay/internal/imsim"
)

// four are four events of two senders in one lane of room 1, in the order of offsets.
func four() []Event {
	return []Event{
		{Room: 1, Sender: "ann", MsgID: "a", Offset: 0, Valid: true},
		{Room: 1, Sender: "bob", MsgID: "b", Offset: 1, Valid: true},
		{Room: 1, Sender: "ann", MsgID: "c", Offset: 2, Valid: true},
		{Room: 1, Sender: "bob", MsgID: "d", Offset: 3, Valid: true},
	}
}

// shown is the four in the order of ids.
func shown(ids string) []imsim.Shown {
	var all []imsim.Shown
	for _, id := range ids {
		s := imsim.Shown{Room: 1, MsgID: string(id), Sender: "ann"}
		if id == 'b' || id == 'd' {
			s.Sender = "bob"
		}
		all = append(all, s)
	}
	return all
}

func TestEachEventIsCountedOnceAndEachFaultIsFound(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*Input)
		shown   string
		letters []Letter
		want    Result
		finds   []Violation // without words
	}{
		{name: "all is well", shown: "abcd", want: Result{Published: 4, Delivered: 4}},
		{
			name: "nothing is published", change: func(in *Input) { in.Published = nil },
			want: Result{},
		},
		{
			name: "lost", shown: "abd", want: Result{Published: 4, Delivered: 3, Lost: 1},
			finds: []Violation{{Kind: Lost, Room: 1, MsgID: "c"}},
		},
		{
			name: "shown twice", shown: "abcda", want: Result{Published: 4, Delivered: 4, ShownTwice: 1},
			finds: []Violation{{Kind: ShownTwice, Room: 1, MsgID: "a"}},
		},
		{
			name: "shown three times is one event", shown: "abcdaa", want: Result{Published: 4, Delivered: 4, ShownTwice: 1},
			finds: []Violation{{Kind: ShownTwice, Room: 1, MsgID: "a"}},
		},
		{
			name: "swapped within a sender", shown: "cabd", want: Result{Published: 4, Delivered: 4, Swapped: 1},
			finds: []Violation{{Kind: Swapped, Room: 1, MsgID: "a"}},
		},
		{name: "senders may swap", shown: "bdac", want: Result{Published: 4, Delivered: 4}},
		{
			name: "senders may not swap where the room is the lane", shown: "bacd",
			change: func(in *Input) { in.ByRoom = true },
			want:   Result{Published: 4, Delivered: 4, Swapped: 1},
			finds:  []Violation{{Kind: Swapped, Room: 1, MsgID: "a"}},
		},
		{
			name: "a lane never spans partitions", shown: "cabd",
			change: func(in *Input) { in.Published[2].Partition = 1 },
			want:   Result{Published: 4, Delivered: 4},
		},
		{
			name: "a second showing out of order is no swap", shown: "abcdb", want: Result{Published: 4, Delivered: 4, ShownTwice: 1},
			finds: []Violation{{Kind: ShownTwice, Room: 1, MsgID: "b"}},
		},
		{
			name: "refused for good", shown: "abd", letters: []Letter{{Offset: 2, Reason: "refused"}},
			change: func(in *Input) { in.Published[2].Refused = true },
			want:   Result{Published: 4, Delivered: 3, DeadLettered: 1},
		},
		{
			name: "replayed, and shown later than its place", shown: "abdc", letters: []Letter{{Offset: 2, Replayed: true}},
			change: func(in *Input) {
				in.Published[2].Refused = true
				in.Published = append(in.Published, Event{Room: 1, Sender: "ann", MsgID: "e", Offset: 4, Valid: true})
				in.Shown = slices.Values(append(shown("abd"), imsim.Shown{Room: 1, MsgID: "e", Sender: "ann"}, imsim.Shown{Room: 1, MsgID: "c", Sender: "ann"}))
			},
			want: Result{Published: 5, Delivered: 5},
		},
		{
			name: "two copies of a letter are one", shown: "abd", letters: []Letter{{Offset: 2}, {Offset: 2}},
			change: func(in *Input) { in.Published[2].Refused = true },
			want:   Result{Published: 4, Delivered: 3, DeadLettered: 1},
		},
		{
			name: "nobody refused it", shown: "abd", letters: []Letter{{Offset: 2}},
			want:  Result{Published: 4, Delivered: 3, DeadLettered: 1, FalseLetters: 1},
			finds: []Violation{{Kind: FalseLetter, Room: 1, MsgID: "c"}},
		},
		{
			name: "delivered wins over a letter", shown: "abcd", letters: []Letter{{Offset: 2}},
			want:  Result{Published: 4, Delivered: 4, FalseLetters: 1},
			finds: []Violation{{Kind: FalseLetter, Room: 1, MsgID: "c"}},
		},
		{
			name: "no valid event", shown: "abd", letters: []Letter{{Offset: 2, Reason: "invalid"}},
			change: func(in *Input) { in.Published[2].Valid = false },
			want:   Result{Published: 4, Delivered: 3, DeadLettered: 1, Invalid: 1},
		},
		{
			name: "an invalid event may not be shown", shown: "abcd",
			change: func(in *Input) { in.Published[2].Valid = false },
			want:   Result{Published: 4, Delivered: 3, Lost: 1, Strange: 1},
			finds:  []Violation{{Kind: Strange, Room: 1, MsgID: "c"}, {Kind: Lost, Room: 1, MsgID: "c"}},
		},
		{
			name: "published twice is one event", shown: "abcd",
			change: func(in *Input) { in.Published[3] = Event{Room: 1, Sender: "ann", MsgID: "a", Offset: 3, Valid: true} },
			want:   Result{Published: 3, Delivered: 3, Strange: 1},
			finds:  []Violation{{Kind: Strange, Room: 1, MsgID: "d"}},
		},
		{
			name: "the letter of a repetition is the event's", shown: "bcd", letters: []Letter{{Offset: 4}},
			change: func(in *Input) {
				in.Published[0].Refused = true
				in.Published = append(in.Published, Event{Room: 1, Sender: "ann", MsgID: "a", Offset: 4, Valid: true, Refused: true})
			},
			want: Result{Published: 4, Delivered: 3, DeadLettered: 1},
		},
		{
			name: "the order of Published doesn't matter", shown: "abcd",
			change: func(in *Input) { slices.Reverse(in.Published) },
			want:   Result{Published: 4, Delivered: 4},
		},
		{
			name: "a letter of nothing", shown: "abcd", letters: []Letter{{Partition: 9}},
			want: Result{Published: 4, Delivered: 4, Strange: 1}, finds: []Violation{{Kind: Strange}},
		},
		{
			name: "never published", shown: "abcdx", want: Result{Published: 4, Delivered: 4, Strange: 1},
			finds: []Violation{{Kind: Strange, Room: 1, MsgID: "x"}},
		},
		{
			name: "shown as from somebody else", shown: "abcd",
			change: func(in *Input) { in.Published[0].Sender = "eve" },
			want:   Result{Published: 4, Delivered: 4, Strange: 1},
			finds:  []Violation{{Kind: Strange, Room: 1, MsgID: "a"}},
		},
		{
			name: "sent again unflagged", shown: "abcd",
			change: func(in *Input) { in.Unflagged = []Message{{1, "a"}} },
			want:   Result{Published: 4, Delivered: 4, Unflagged: 1},
			finds:  []Violation{{Kind: Unflagged, Room: 1, MsgID: "a"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := Input{Published: four(), Shown: slices.Values(shown(c.shown)), Letters: c.letters}
			if c.change != nil {
				c.change(&in)
			}
			got := Check(in)
			if ok := len(c.finds) == 0; got.OK() != ok {
				t.Errorf("OK is %v", got.OK())
			}
			finds := got.Violations
			for i := range finds {
				finds[i].Words = ""
			}
			if !slices.Equal(finds, c.finds) {
				t.Errorf("found %v, want %v", finds, c.finds)
			}
			got.Violations = nil
			if !equal(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func equal(x, y Result) bool {
	return x.Published == y.Published && x.Delivered == y.Delivered && x.DeadLettered == y.DeadLettered &&
		x.Invalid == y.Invalid && x.FalseLetters == y.FalseLetters && x.Lost == y.Lost &&
		x.ShownTwice == y.ShownTwice && x.Unflagged == y.Unflagged && x.Swapped == y.Swapped && x.Strange == y.Strange
}
