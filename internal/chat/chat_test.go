package chat

import (
	"bytes"
	"maps"
	"slices"
	"testing"
	"time"

	"roomrelay/event"
)

func lines(cfg Config) []Line { return slices.Collect(Make(cfg)) }

var usual = Config{Events: 5000, Length: 20 * time.Second, Seed: 7, Bad: 0.05, Repeats: 0.01}

func TestTheSameSeedMakesTheSameLines(t *testing.T) {
	one, two := lines(usual), lines(usual)
	if len(one) != usual.Events {
		t.Fatalf("%d lines, want %d", len(one), usual.Events)
	}
	for i := range one {
		if !bytes.Equal(one[i].Value, two[i].Value) || one[i].At != two[i].At {
			t.Fatalf("line %d differs: %q and %q", i, one[i].Value, two[i].Value)
		}
	}
	other := usual
	other.Seed++
	if same := lines(other); bytes.Equal(same[0].Value, one[0].Value) && bytes.Equal(same[1].Value, one[1].Value) {
		t.Error("another seed makes the same lines")
	}
}

// The generator says by construction what is valid, the decoder by reading: neither knows of the other.
func TestTheDecoderAgreesOnWhatIsValid(t *testing.T) {
	bad, repeats := 0, 0
	for _, l := range lines(usual) {
		e, err := event.Decode(event.Record{Value: l.Value})
		if (err == nil) != l.Valid {
			t.Errorf("line %d: valid %v, but the decoder says %v: %q", l.Number, l.Valid, err, l.Value)
			continue
		}
		if !l.Valid {
			bad++
			continue
		}
		repeats += int(e.Resend)
		if e.Room != l.Room || e.Sender != l.Sender || e.MsgID != l.MsgID {
			t.Errorf("line %d: %d %q %q, but the decoder reads %d %q %q", l.Number, l.Room, l.Sender, l.MsgID, e.Room, e.Sender, e.MsgID)
		}
	}
	if bad < 150 || bad > 400 || repeats < 20 || repeats > 100 {
		t.Errorf("%d bad lines and %d repeated ones of 5000: want about 250 and 50", bad, repeats)
	}
}

// Each kind of bad event is tried on many messages: none may be valid by chance.
func TestEverySpoilerSpoils(t *testing.T) {
	for i, spoil := range spoilers {
		m := newMaker(Config{Rooms: 5, Senders: 5, Seed: uint64(i)})
		for n := range 200 {
			x := m.message(n)
			if x.form == 4 {
				x.form = 0
			}
			x.options = ""
			value := spoil(m, &x)
			if _, err := event.Decode(event.Record{Value: value}); err == nil {
				t.Fatalf("spoiler %d left a valid event: %q", i, value)
			}
		}
	}
}

func TestAMessageIsRepeatedOnlyWithTheFlagAndInItsRoom(t *testing.T) {
	first := map[string]Line{}
	for _, l := range lines(usual) {
		if !l.Valid {
			continue
		}
		was, again := first[l.MsgID]
		if flagged := bytes.Contains(l.Value, []byte(`"resendFlag":1`)) || bytes.Contains(l.Value, []byte(`"resendFlag": 1`)); flagged != again {
			t.Fatalf("line %d: flagged %v, repeated %v", l.Number, flagged, again)
		}
		if again && (was.Room != l.Room || was.Sender != l.Sender || !bytes.Equal(was.Key, l.Key)) {
			t.Fatalf("line %d repeats %s elsewhere", l.Number, l.MsgID)
		}
		first[l.MsgID] = l
	}
}

func TestAFewRoomsAreHotAndManyAreQuiet(t *testing.T) {
	rooms, senders := map[int64]int{}, map[string]int{}
	for _, l := range lines(usual) {
		rooms[l.Room]++
		senders[l.Sender]++
	}
	counts := slices.Sorted(maps.Values(rooms))
	hottest, median := counts[len(counts)-1], counts[len(counts)/2]
	if len(rooms) < 28 || hottest < 10*median || hottest > usual.Events/2 {
		t.Errorf("%d rooms, the hottest has %d lines and the one in the middle %d", len(rooms), hottest, median)
	}
	if len(senders) < 120 {
		t.Errorf("%d senders of 150 ever speak", len(senders))
	}
}

func TestLinesComeInOrderOverTheLength(t *testing.T) {
	var last time.Duration
	for _, l := range lines(usual) {
		if l.At < last {
			t.Fatalf("line %d comes at %v, after one at %v", l.Number, l.At, last)
		}
		last = l.At
	}
	if last < usual.Length/2 || last > usual.Length {
		t.Errorf("the last line comes at %v of %v", last, usual.Length)
	}
}

func TestExactlyCountsUTF16Units(t *testing.T) {
	for s, want := range map[string]string{"abc": "abc..", "abcdefg": "abcde", "😀😀😀": "😀😀.", "": "....."} {
		if got := exactly(s, 5); got != want {
			t.Errorf("exactly(%q, 5) is %q, want %q", s, got, want)
		}
	}
}
