package deadletter

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"roomrelay/event"
	"roomrelay/internal/cluster"
)

// desk is one at the office, where the group has settled what settled says of its topic.
func (o *office) desk(settled ...Place) *Desk {
	return &Desk{
		Client: o.cluster(), Topic: "dlq.chat", Source: "chat", Group: "relay",
		Progress: func(_ context.Context, group, topic string) (Progress, error) {
			if group != "relay" || topic != "chat" {
				return places(nil), nil
			}
			return places(settled), nil
		},
	}
}

// places are those that are settled.
type places []Place

func (p places) Settled(at Place) bool { return slices.Contains(p, at) }
func (places) InHand(Place) bool       { return false }
func (places) Lag() int64              { return 0 }

// file appends a letter as the writer would: first is where its event first stood, at where it failed now.
func (o *office) file(partition int32, first, at Place, replays int, change func(*Letter)) {
	o.t.Helper()
	l := letter(at.Partition, at.Offset)
	l.Record.Time = time.Now()
	if replays > 0 {
		l.Record.Headers = (&Filed{Identity: identity(first), Replays: replays - 1, FirstFailedAt: time.Now().Add(-time.Hour)}).ReplayHeaders(nil)
	}
	if change != nil {
		change(l)
	}
	m := cluster.Message{Key: l.Record.Key, Value: l.value()}
	for _, h := range l.headers("chat", "relay", whole) {
		m.Headers = append(m.Headers, event.Header{Key: h.Key, Value: h.Value})
	}
	o.append(partition, m)
}

func (o *office) append(partition int32, m ...cluster.Message) {
	o.t.Helper()
	if _, err := o.cluster().Append(context.Background(), "dlq.chat", partition, m); err != nil {
		o.t.Fatal(err)
	}
}

func identity(first Place) Identity {
	return Identity{Group: "relay", Topic: "chat", Partition: first.Partition, Offset: first.Offset}
}

// mark appends a mark of the letter that first stood there.
func (o *office) mark(partition int32, first Place, replays int, a Action, to Place) {
	o.t.Helper()
	m := &Mark{Place: Place{Partition: partition}, Identity: identity(first), Replays: replays, Action: a, At: time.Now(), By: "ann", To: "chat", Position: to}
	if err := o.desk().Mark(context.Background(), []*Mark{m}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) ledger(d *Desk, r Reading) *Ledger {
	o.t.Helper()
	l, err := d.Read(context.Background(), r)
	if err != nil {
		o.t.Fatal(err)
	}
	return l
}

// states tells each letter as its first offset, its state, and how often it was replayed.
func states(l *Ledger) string {
	var all []string
	for _, e := range l.Entries {
		all = append(all, fmt.Sprintf("%d %s %d", e.Identity.Offset, e.State, e.Replays))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// A topic that is made anew has events at the places of former ones: their letters are others.
func TestLettersOfATopicThatWasMadeAnewAreOthers(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		at := Place{0, 5}
		of := func(id string) func(*Letter) { return func(l *Letter) { l.Record.TopicID = id } }
		o.file(0, at, at, 0, of("old"))
		m := &Mark{Place: Place{Partition: 0}, Identity: identity(at), Action: ActionDiscard, At: time.Now(), By: "ann"}
		m.Identity.TopicID = "old"
		if err := o.desk().Mark(context.Background(), []*Mark{m}); err != nil {
			t.Fatal(err)
		}
		o.file(0, at, at, 0, of("new"))
		l := o.ledger(o.desk(), Reading{})
		if got := states(l); got != "5 outstanding 0" || l.Entries[0].Identity.TopicID != "new" {
			t.Fatalf("%s, want the new one's alone", got)
		}
		again := &Filed{Identity: l.Entries[0].Identity}
		r := event.Record{TopicID: "newest", Partition: 0, Offset: 1, Headers: again.ReplayHeaders(nil)}
		if f := firstOf(&r, "chat", "relay"); f.topicID != "new" || f.offset != 5 {
			t.Errorf("a replay says that it stood first at %+v", f)
		}
	})
}

func TestALetterIsOutstandingUntilAMarkCoversItAndItsReplayIsSettled(t *testing.T) {
	first, again, third := Place{0, 5}, Place{0, 90}, Place{1, 7}
	for name, c := range map[string]struct {
		happens func(*office)
		settled []Place
		want    string
		done    int
	}{
		"failed": {func(o *office) { o.file(0, first, first, 0, nil) }, nil, "5 outstanding 0", 0},
		"failed, and its write was repeated": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.file(0, first, first, 0, nil)
		}, nil, "5 outstanding 0", 0},
		"replayed": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, first, 0, ActionReplay, again)
		}, nil, "5 on its way 0", 0},
		"replayed and settled": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, first, 0, ActionReplay, again)
		}, []Place{again}, "", 1},
		"discarded": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, first, 0, ActionDiscard, Place{})
		}, nil, "", 1},
		"replayed, and a copy of the letter comes after the mark": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, first, 0, ActionReplay, again)
			o.file(0, first, first, 0, nil)
		}, []Place{again}, "", 1},
		"came back": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, first, 0, ActionReplay, again)
			o.file(0, first, again, 1, nil)
		}, []Place{again}, "5 outstanding 1", 0},
		"came back before its replay was marked": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.file(0, first, again, 1, nil)
			o.mark(0, first, 0, ActionReplay, again)
		}, []Place{again}, "5 outstanding 1", 0},
		"came back on another partition": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, first, 0, ActionReplay, third)
			o.file(1, first, third, 1, nil)
		}, []Place{third}, "5 outstanding 1", 0},
		"came back on another partition, and was never marked": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.file(1, first, third, 1, nil)
		}, []Place{third}, "5 outstanding 1", 0},
		"came back twice, and was discarded": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, first, 0, ActionReplay, again)
			o.file(0, first, again, 1, nil)
			o.mark(0, first, 1, ActionReplay, third)
			o.file(1, first, third, 2, nil)
			o.mark(1, first, 2, ActionDiscard, Place{})
		}, []Place{again, third}, "", 1},
		"two replay it at the same time": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, first, 0, ActionReplay, again)
			o.mark(0, first, 0, ActionReplay, Place{0, 91})
		}, []Place{{0, 91}}, "5 on its way 0", 0},
		"two replayed it at the same time, and it came back from both": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, first, 0, ActionReplay, again)
			o.mark(0, first, 0, ActionReplay, Place{0, 91})
			o.file(0, first, again, 1, nil)
			o.file(0, first, Place{0, 91}, 1, nil)
		}, []Place{again, {0, 91}}, "5 outstanding 1", 0},
		"a copy on another partition, since the topic got more": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.file(1, first, first, 0, nil)
		}, nil, "5 outstanding 0", 0},
		"a mark of something else": {func(o *office) {
			o.file(0, first, first, 0, nil)
			o.mark(0, Place{0, 6}, 0, ActionDiscard, Place{})
		}, nil, "5 outstanding 0", 1},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, 2, nil, func(o *office) {
				c.happens(o)
				l := o.ledger(o.desk(c.settled...), Reading{})
				if got := states(l); got != c.want || l.Ended["relay"] != c.done {
					t.Errorf("%q and %d done, want %q and %d", got, l.Ended["relay"], c.want, c.done)
				}
				// What is done is told once, whatever happened, and nothing else changes by asking.
				all := o.ledger(o.desk(c.settled...), Reading{Done: true})
				if n := len(all.Entries); n > 1 && name != "a mark of something else" {
					t.Errorf("one letter is told %d times: %s", n, states(all))
				}
			})
		})
	}
}

func TestMarksCoverEveryRecordOfALetter(t *testing.T) {
	inOffice(t, 2, nil, func(o *office) {
		first, third := Place{0, 5}, Place{1, 7}
		o.file(0, first, first, 0, nil)
		o.file(1, first, third, 1, nil) // a replay ended before its mark, and it failed again elsewhere
		l := o.ledger(o.desk(), Reading{})
		marks := MarksOf(l.Entries[0], Mark{Action: ActionDiscard, At: time.Now(), By: "ann", Why: "old"})
		if err := o.desk().Mark(context.Background(), marks); err != nil {
			t.Fatal(err)
		}
		if l := o.ledger(o.desk(), Reading{}); len(l.Entries) != 0 {
			t.Errorf("%s, want none", states(l))
		}
	})
}

func TestWhatIsNoLetterIsCountedAndPassedOver(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		whole := (&Mark{Identity: identity(Place{}), Action: ActionDiscard, At: time.Now(), By: "x"}).message()
		for name, m := range map[string]cluster.Message{
			"no headers":                {Value: []byte("x")},
			"null":                      {Key: []byte("k")},
			"half of a letter":          {Value: []byte("x"), Headers: []event.Header{{Key: HeaderFirstOffset, Value: []byte("1")}}},
			"a letter at offset x":      {Value: []byte("x"), Headers: []event.Header{{Key: HeaderFirstOffset, Value: []byte("x")}}},
			"a mark that marks nothing": {Headers: whole.Headers[:1]},
			"a mark of what":            {Headers: append([]event.Header{{Key: HeaderMark, Value: []byte("eaten")}}, whole.Headers[1:]...)},
			"half a letter of Connect":  {Headers: []event.Header{{Key: "__connect.errors.topic", Value: []byte("chat")}}},
		} {
			_ = name
			o.append(0, m)
		}
		o.file(0, Place{0, 5}, Place{0, 5}, 0, nil)
		l := o.ledger(o.desk(), Reading{})
		if l.Unreadable != 7 || len(l.Why) != mostTold || states(l) != "5 outstanding 0" || l.Read != 8 {
			t.Errorf("%d unreadable (%v), %s", l.Unreadable, l.Why, states(l))
		}
	})
}

func TestFiltersChooseByTheNewestRecord(t *testing.T) {
	inOffice(t, 1, nil, func(o *office) {
		now := time.Now()
		o.file(0, Place{0, 1}, Place{0, 1}, 0, func(l *Letter) { l.Reason, l.FailedAt = "given-up", now.Add(-2*time.Hour) })
		o.file(0, Place{0, 2}, Place{0, 2}, 0, func(l *Letter) { l.Room, l.Message, l.Code = 9, "Bad Word found", 0 })
		o.file(0, Place{0, 1}, Place{0, 40}, 1, func(l *Letter) { l.Reason = "refused-message" })
		p := int32(0)
		for name, c := range map[string]struct {
			filter Filter
			want   string
		}{
			"all":          {Filter{}, "1 2"},
			"its reason":   {Filter{Reasons: []string{"refused-message"}}, "1"},
			"what it was":  {Filter{Reasons: []string{"given-up"}}, ""},
			"room":         {Filter{Rooms: []int64{9, 10}}, "2"},
			"code":         {Filter{Codes: []int{404}}, "1"},
			"text":         {Filter{Match: "bad word"}, "2"},
			"msgid":        {Filter{MsgIDs: []string{"m40"}}, "1"},
			"sender":       {Filter{Senders: []string{"ann"}}, "1 2"},
			"other sender": {Filter{Senders: []string{"bob"}}, ""},
			"replayed":     {Filter{Replays: count(t, ">=1")}, "1"},
			"never":        {Filter{Replays: count(t, "0")}, "2"},
			"since":        {Filter{Since: now.Add(-time.Hour)}, "1 2"},
			"until":        {Filter{Until: now.Add(-time.Hour)}, ""},
			"group":        {Filter{Group: "other"}, ""},
			"place":        {Filter{Places: []Place{{0, 1}}}, "2"},
			"partition":    {Filter{Partition: &p, Offset: new(int64(2))}, "1"},
			"outcome":      {Filter{Outcomes: []string{OutcomeUnknown}}, ""},
		} {
			var got []string
			for _, e := range o.ledger(o.desk(), Reading{Filter: c.filter}).Matching(Outstanding) {
				got = append(got, strconv.FormatInt(e.Identity.Offset, 10))
			}
			slices.Sort(got)
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: %v, want %s", name, got, c.want)
			}
		}
	})
}

func count(t *testing.T, s string) Count {
	t.Helper()
	var c Count
	if err := c.Set(s); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACountIsANumberOrABound(t *testing.T) {
	for s, want := range map[string]string{"3": "3", "=3": "3", ">=2": "234", "<2": "01", ">2": "34", "<=1": "01", "": "!", "x": "!", "-1": "!", ">": "!"} {
		var c Count
		got := ""
		if err := c.Set(s); err != nil {
			got = "!"
		} else {
			for n := range 5 {
				if c.Has(n) {
					got += strconv.Itoa(n)
				}
			}
		}
		if got != want {
			t.Errorf("%q holds for %s, want %s", s, got, want)
		}
	}
}

func TestLettersAreReadAgainWhole(t *testing.T) {
	inOffice(t, 2, nil, func(o *office) {
		for i := range int64(300) {
			o.file(int32(i%2), Place{int32(i % 2), i}, Place{int32(i % 2), i}, 0, func(l *Letter) {
				l.Record.Headers = []event.Header{{Key: "trace", Value: []byte(strconv.FormatInt(i, 10))}}
			})
		}
		l := o.ledger(o.desk(), Reading{})
		slices.Reverse(l.Entries)
		if err := o.DeleteRecords("dlq.chat", 1, 3); err != nil {
			t.Fatal(err)
		}
		filed, err := o.desk().Fetch(context.Background(), l.Entries)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range l.Entries {
			f := filed[i]
			if gone := e.Place.Partition == 1 && e.Place.Offset < 3; gone != (f == nil) {
				t.Fatalf("letter %s is read: %v", e.Place, f != nil)
			}
			if f != nil && (f.Identity != e.Identity || len(f.OwnHeaders()) != 1 || string(f.OwnHeaders()[0].Value) != strconv.FormatInt(e.Identity.Offset, 10) || string(f.Key) != "7") {
				t.Fatalf("%+v for %+v", f, e)
			}
		}
	})
}
