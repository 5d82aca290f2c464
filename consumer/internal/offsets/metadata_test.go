package offsets

import (
	"encoding/base64"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func (m *Meta) text(limit int) (string, bool) { return m.encode(slices.Values(m.Settled), limit) }

func TestMetadataIsReadAsItWasWritten(t *testing.T) {
	for _, m := range []Meta{
		{},
		{Offset: 120, SentTo: 340, Owner: "worker-0", Settled: Set{{121, 123}, {200, 5000}}},
		{Offset: 7, SentTo: 9, Topic: "Zlj2eRLQQ4mGlVv3LUBbQw", Epoch: math.MaxInt32, Settled: Set{{8, 9}}},
		{Offset: 7, SentTo: 9, Topic: "-_a:b", Epoch: NoEpoch},
		{Offset: 7, SentTo: 7, Owner: "a:b/ç %\x00\xff", Settled: Set{{7, 8}}},
		{Offset: math.MaxInt64 - 1, SentTo: math.MaxInt64, Settled: Set{{math.MaxInt64 - 1, math.MaxInt64}}},
		{Offset: 0, SentTo: math.MaxInt64, Settled: Set{{1, math.MaxInt64}}},
	} {
		text, fits := m.text(MaxMetadata)
		got, err := Decode(text, m.Offset)
		if err != nil || !fits || !reflect.DeepEqual(*got, m) {
			t.Errorf("%+v as %q: %+v, %v", m, text, got, err)
		}
	}
}

func TestMetadataIsShortASCIIText(t *testing.T) {
	m := Meta{Offset: 10, SentTo: 99, Owner: strings.Repeat("ç", 1000)}
	for o := int64(10); o < 1<<20; o += 300 {
		m.Settled = append(m.Settled, Run{o + 1, o + 200})
	}
	m.Owner = short(m.Owner)
	for limit := 100; limit <= MaxMetadata; limit++ {
		text, fits := m.text(limit)
		if fits || len(text) > limit || len(text) < limit-8 {
			t.Fatalf("%d characters for a limit of %d, all %v", len(text), limit, fits)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }); i >= 0 {
			t.Fatalf("character %q", text[i])
		}
	}
	text, _ := m.text(MaxMetadata)
	got, err := Decode(text, 10)
	if err != nil || !slices.Equal(got.Settled, m.Settled[:len(got.Settled)]) || got.Owner != m.Owner {
		t.Fatalf("%d runs, %v", len(got.Settled), err)
	}
}

func TestNeighboursAreOneRun(t *testing.T) {
	m := Meta{Offset: 1, Settled: Set{{2, 3}, {3, 5}, {5, 6}, {9, 10}}}
	m.SentTo = 1
	text, _ := m.text(MaxMetadata)
	got, err := Decode(text, 1)
	if err != nil || !slices.Equal(got.Settled, Set{{2, 6}, {9, 10}}) {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestMetadataThatDoesntCount(t *testing.T) {
	raw := func(b ...byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	for text, want := range map[string]error{
		"":                       ErrNoMetadata,
		"consumer-1":             ErrForeign,
		"roomrelay":              ErrForeign,
		"roomrelay/":             ErrVersion,
		"roomrelay/2:10:20::":    ErrVersion,
		"roomrelay/1:10:20:::":   ErrDamaged,
		"roomrelay/1:10:20:::::": ErrDamaged,
		"roomrelay/1:-10:20::::": ErrDamaged,
		"roomrelay/1:+10:20::::": ErrDamaged,
		"roomrelay/1:010:20::::": ErrDamaged,
		"roomrelay/1:99999999999999999999:20::::": ErrDamaged,
		"roomrelay/1:10:9::::":                    ErrDamaged,
		"roomrelay/1:10:20:%zz:::":                ErrDamaged,
		"roomrelay/1:10:20: :::":                  ErrDamaged,
		"roomrelay/1:10:20::::?":                  ErrDamaged,
		"roomrelay/1:10:20::::AQ==":               ErrDamaged,
		"roomrelay/1:10:20::::" + raw(1):          ErrDamaged, // no length
		"roomrelay/1:10:20::::" + raw(1, 0):       ErrDamaged,
		"roomrelay/1:10:20::::" + raw(1, 1, 0, 1): ErrDamaged, // two runs that touch
		"roomrelay/1:10:20::::" + raw(0x81, 0, 1): ErrDamaged, // longer than it must be
		"roomrelay/1:10:20::::" + raw(0x81):       ErrDamaged,

		"roomrelay/1:10:20::::" + raw(1, 255, 255, 255, 255, 255, 255, 255, 255, 127): ErrDamaged, // beyond all offsets
		"roomrelay/1:10:20::::" + strings.Repeat("AQ", MaxMetadata):                   ErrDamaged,
		"roomrelay/1:10:20:::-1:":         ErrDamaged,
		"roomrelay/1:10:20:::2147483648:": ErrDamaged,
		"roomrelay/1:10:20::a b::":        ErrDamaged,
		"roomrelay/1:10:20:w:t:5:AQI":     nil,
		"roomrelay/1:11:20::::":           ErrOffset,
		"roomrelay/1:10:20::::":           nil,
	} {
		if m, err := Decode(text, 10); !errors.Is(err, want) || (m != nil) != (want == nil) {
			t.Errorf("%.60q: %v, %v, want %v", text, m, err, want)
		}
	}
}

func TestALongOwnerStandsAsItsHash(t *testing.T) {
	long := strings.Repeat("a", maxOwner+1)
	a, b := short(long), short(long+"a")
	if a == b || len(a) > maxOwner || short(long[1:]) != long[1:] {
		t.Fatalf("%q and %q", a, b)
	}
	x := New(Takeover{Start: 10, LogEnd: 20, InstanceID: long})
	y := New(Takeover{Start: 10, LogEnd: 20, InstanceID: long, Meta: next(t, x.Commit(t0, 5, false))})
	if y.Doubt() != OwnerAlive {
		t.Fatal("it doesn't know its own name")
	}
}

func FuzzMetadata(f *testing.F) {
	for _, m := range []Meta{{}, {Offset: 120, SentTo: 340, Owner: "worker-0", Settled: Set{{121, 123}, {200, 5000}}}} {
		text, _ := m.text(MaxMetadata)
		f.Add(text, m.Offset)
	}
	f.Add("roomrelay/1:10:20:a%20b:Zlj2eRLQ:7:AQ", int64(10))
	f.Fuzz(func(t *testing.T, text string, committed int64) {
		m, err := Decode(text, committed)
		if err != nil {
			return
		}
		if m.Offset != committed || m.SentTo < m.Offset || len(m.Settled) > MaxMetadata {
			t.Fatalf("%q: %+v", text, m)
		}
		last := m.Offset - 1
		for i, r := range m.Settled {
			if r.From <= last && i > 0 || r.From < m.Offset || r.To <= r.From {
				t.Fatalf("%q: runs %v", text, m.Settled)
			}
			last = r.To
		}
		if again, fits := m.text(MaxMetadata); again != text || !fits {
			t.Fatalf("%q was read, %q written", text, again)
		}
	})
}
