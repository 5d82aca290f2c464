package chaos

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/batcher"
	"roomrelay/internal/imsim"
	"roomrelay/internal/world"
)

// drawn is the plans of the first seeds. Nobody changes them.
var drawn = sync.OnceValue(func() (all []*Plan) {
	for seed := range uint64(300) {
		all = append(all, Draw(seed))
	}
	return all
})

func TestASeedAlwaysDrawsTheSamePlan(t *testing.T) {
	for _, want := range drawn()[:40] {
		got := Draw(want.Seed)
		all, again := slices.Concat(want.Bursts...), slices.Concat(got.Bursts...)
		if len(all) != len(again) {
			t.Fatalf("seed %d draws %d records, and then %d", want.Seed, len(all), len(again))
		}
		for i, w := range all { // by themselves, so that a difference can be read
			if x := again[i]; !reflect.DeepEqual(x, w) {
				t.Fatalf("seed %d draws record %d as %q %q, and then as %q %q", want.Seed, i, w.Value, w.Headers, x.Value, x.Headers)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d draws setting %+v, rules %+v, deeds %+v, and then %+v, %+v, %+v", want.Seed, want.Setting, want.Rules, want.Deeds, got.Setting, got.Rules, got.Deeds)
		}
	}
}

func TestSeedsDrawDifferentPlans(t *testing.T) {
	seen := map[Setting]uint64{}
	for _, p := range drawn() {
		if other, ok := seen[p.Setting]; ok {
			t.Errorf("seeds %d and %d draw %+v", other, p.Seed, p.Setting)
		}
		seen[p.Setting] = p.Seed
	}
}

func TestEveryDeedIsDrawn(t *testing.T) {
	times := map[Do]int{}
	for _, p := range drawn() {
		for _, d := range p.Deeds {
			times[d.Do]++
		}
	}
	for _, do := range []Do{
		Kill, KillAll, Stop, Join, Usurp, Freeze, CutKafka, Deaf, CutAPI, DeafAPI, Reset, Wounds, WoundsAPI, Slow, SlowAPI, Lag, Late, Refuse, Wall, Hesitate,
		Fault, Unwritable, TooLarge, Move, Rehash, Grow, Truncate, Operator, Tend,
	} {
		if times[do] == 0 {
			t.Errorf("never: %s", do)
		}
		delete(times, do)
	}
	if len(times) > 0 {
		t.Errorf("unknown: %v", times)
	}
}

func TestEveryFaultOfTheAPIIsDrawn(t *testing.T) {
	times := map[imsim.Do]int{}
	for _, p := range drawn() {
		for _, x := range slices.Concat(p.Rules, p.Lasting) {
			times[x.Do]++
		}
	}
	for _, do := range []imsim.Do{
		imsim.DoCode, imsim.DoStatus, imsim.DoPage, imsim.DoReset, imsim.DoStall, imsim.DoHalf, imsim.DoGarbage, imsim.DoEndless,
		imsim.DoLatency, imsim.DoSlow, imsim.DoStrings, imsim.DoNoSuccess, imsim.DoCodeString, imsim.DoBoth, imsim.DoShuffle,
		imsim.DoLeaveOut, imsim.DoRefuse, imsim.DoPoison,
	} {
		if times[do] == 0 {
			t.Errorf("never: %s", do)
		}
	}
}

func TestEverySettingIsDrawn(t *testing.T) {
	for name, is := range map[string]func(s *Setting) bool{
		"one partition":             func(s *Setting) bool { return s.Partitions == 1 },
		"four partitions":           func(s *Setting) bool { return s.Partitions == 4 },
		"one broker":                func(s *Setting) bool { return s.Brokers == 1 },
		"two brokers":               func(s *Setting) bool { return s.Brokers == 2 },
		"one worker":                func(s *Setting) bool { return s.Workers == 1 },
		"four workers":              func(s *Setting) bool { return s.Workers == 4 },
		"more workers than work":    func(s *Setting) bool { return s.Workers > s.Partitions },
		"dynamic members":           func(s *Setting) bool { return !s.Static },
		"static members that stay":  func(s *Setting) bool { return s.Static && !s.LeaveOn },
		"static members that leave": func(s *Setting) bool { return s.Static && s.LeaveOn },
		"a fresh start":             func(s *Setting) bool { return s.Fresh },
		"a start that isn't fresh":  func(s *Setting) bool { return !s.Fresh },
		"order by room":             func(s *Setting) bool { return s.Ordering == batcher.ByRoom },
		"order by sender":           func(s *Setting) bool { return s.Ordering == batcher.BySender },
		"a short window":            func(s *Setting) bool { return s.Window == 20*time.Millisecond },
		"a middling window":         func(s *Setting) bool { return s.Window == 100*time.Millisecond },
		"a long window":             func(s *Setting) bool { return s.Window == 400*time.Millisecond },
		"batches of one":            func(s *Setting) bool { return s.MaxBatch == 1 },
		"batches of ten":            func(s *Setting) bool { return s.MaxBatch == 10 },
		"few bytes a call":          func(s *Setting) bool { return s.MaxBody < 2000 },
		"many bytes a call":         func(s *Setting) bool { return s.MaxBody == 64<<10 },
		"one slot":                  func(s *Setting) bool { return s.Slots == 1 },
		"many slots":                func(s *Setting) bool { return s.Slots > 20 },
		"a buffer of few events":    func(s *Setting) bool { return s.MaxEvents < 50 },
		"a buffer of many events":   func(s *Setting) bool { return s.MaxEvents > 350 },
		"a buffer of few bytes":     func(s *Setting) bool { return s.MaxBytes < 1<<20 },
		"a buffer of many bytes":    func(s *Setting) bool { return s.MaxBytes == 1<<20 },
		"no quota":                  func(s *Setting) bool { return s.Rate == 0 },
		"a quota":                   func(s *Setting) bool { return s.Rate > 0 },
		"no pace of rooms":          func(s *Setting) bool { return s.RoomRate == 0 },
		"a pace of rooms":           func(s *Setting) bool { return s.RoomRate > 0 },
		"resend-refusals":           func(s *Setting) bool { return s.Resend },
		"no resend-refusals":        func(s *Setting) bool { return !s.Resend },
		"latest":                    func(s *Setting) bool { return s.Latest },
		"earliest":                  func(s *Setting) bool { return !s.Latest },
		"small letters":             func(s *Setting) bool { return s.SmallLetters },
		"letters of any size":       func(s *Setting) bool { return !s.SmallLetters },
		"little metadata":           func(s *Setting) bool { return s.SmallMeta },
		"metadata of any size":      func(s *Setting) bool { return !s.SmallMeta },
		"one endpoint":              func(s *Setting) bool { return s.Endpoints == 1 },
		"two endpoints":             func(s *Setting) bool { return s.Endpoints == 2 },
		"never had: shown":          func(s *Setting) bool { return s.NeverHad == imsim.NeverHadShow },
		"never had: refused":        func(s *Setting) bool { return s.NeverHad == imsim.NeverHadRefuse },
		"repeated: success":         func(s *Setting) bool { return s.Repeat == imsim.RepeatSuccess },
		"repeated: fail":            func(s *Setting) bool { return s.Repeat == imsim.RepeatFail },
		"repeated: 417":             func(s *Setting) bool { return s.Repeat == imsim.Repeat417 },
	} {
		if !slices.ContainsFunc(drawn(), func(p *Plan) bool { return is(&p.Setting) }) {
			t.Errorf("never: %s", name)
		}
	}
}

func TestEveryKindOfRecordIsDrawn(t *testing.T) {
	kinds := map[string]func(w *Write) bool{
		"a message":                func(w *Write) bool { return w.Event.Valid },
		"a tombstone":              func(w *Write) bool { return w.Event.Null && w.Value == nil },
		"what is no JSON":          func(w *Write) bool { return !w.Event.Valid && !w.Event.Null && !json.Valid(w.Value) },
		"JSON that is no message":  func(w *Write) bool { return !w.Event.Valid && !w.Event.Null && json.Valid(w.Value) },
		"a replayed letter":        func(w *Write) bool { return w.Event.Replay },
		"a producer's repetition":  func(w *Write) bool { return w.Event.Resend == 1 },
		"one with options":         func(w *Write) bool { return w.Event.Options != "" },
		"one with a header":        func(w *Write) bool { return len(w.Headers) > 0 },
		"an old one":               func(w *Write) bool { return w.Old > 0 },
		"a long one":               func(w *Write) bool { return w.Event.Valid && len(w.Value) > 300 },
		"one larger than a buffer": func(w *Write) bool { return len(w.Value) > 20_000 },
	}
	for _, p := range drawn() {
		for _, b := range p.Bursts {
			for i := range b {
				maps.DeleteFunc(kinds, func(_ string, is func(*Write) bool) bool { return is(&b[i]) })
			}
		}
	}
	for name := range kinds {
		t.Errorf("never: %s", name)
	}
}

func TestNowAndThenNothingIsWrong(t *testing.T) {
	peaceful := 0
	for _, p := range drawn() {
		if len(p.Rules)+len(p.Deeds) == 0 {
			peaceful++
		}
	}
	if n := len(drawn()); peaceful < n/50 || peaceful > n/5 {
		t.Errorf("%d of %d plans are peaceful", peaceful, n)
	}
}

func TestAPlanIsOfASizeThatIsPlayedQuickly(t *testing.T) {
	events := 0
	for _, p := range drawn() {
		n := 0
		for _, b := range p.Bursts {
			if len(b) == 0 {
				t.Errorf("seed %d has an empty burst", p.Seed)
			}
			n += len(b)
		}
		if n == 0 || n > 2000 {
			t.Errorf("seed %d has %d events", p.Seed, n)
		}
		events += n
	}
	if mean := events / len(drawn()); mean < 200 || mean > 500 {
		t.Errorf("a plan has %d events", mean)
	}
}

func TestWhatIsTakenLateStandsBesideNoLatency(t *testing.T) {
	anyLate, anyLatency := false, false
	for _, p := range drawn() {
		takes := slices.ContainsFunc(p.Rules, late)
		slow := slices.ContainsFunc(p.Rules, func(x imsim.Rule) bool { return x.Do == imsim.DoLatency })
		if takes && slow { // together they could be later than any rule of a worker can reach
			t.Errorf("seed %d: %+v", p.Seed, p.Rules)
		}
		anyLate, anyLatency = anyLate || takes, anyLatency || slow
		for _, x := range p.Rules {
			if x.Late && (x.Delay >= requestTimeout || !x.Taken) {
				t.Errorf("seed %d: %+v", p.Seed, x)
			}
		}
	}
	if !anyLate || !anyLatency {
		t.Errorf("drawn at all: late %v, latency %v", anyLate, anyLatency)
	}
}

func TestTheSimulatorTakesEveryPlan(t *testing.T) {
	for _, p := range drawn() {
		for _, healthy := range []bool{false, true} {
			if err := p.faults(healthy).Check(); err != nil {
				t.Errorf("seed %d: %v", p.Seed, err)
			}
		}
	}
}

func TestOnceHealedOnlyWhatIsRefusedForGoodIsLeft(t *testing.T) {
	for _, p := range drawn() {
		f := p.faults(true)
		if f.NeverHad != p.Setting.NeverHad || f.Repeat != p.Setting.Repeat || len(f.Rules) != len(p.Lasting) {
			t.Errorf("seed %d: %+v", p.Seed, f)
		}
		picked := map[string]bool{}
		for _, x := range f.Rules {
			if x.Do != imsim.DoRefuse && x.Do != imsim.DoPoison || len(x.Messages) == 0 {
				t.Errorf("seed %d: %+v", p.Seed, x) // without names it would be for all
			}
			for _, id := range x.Messages {
				picked[id] = true
			}
		}
		if !maps.Equal(picked, p.Refused) {
			t.Errorf("seed %d: refused are %v, known as refused %v", p.Seed, picked, p.Refused)
		}
	}
}

func TestDeedsComeByTime(t *testing.T) {
	for _, p := range drawn() {
		if !slices.IsSortedFunc(p.Deeds, func(a, b Deed) int { return int(a.At - b.At) }) {
			t.Errorf("seed %d: %+v", p.Seed, p.Deeds)
		}
	}
}

func TestARecordGoesWhereItsRoomIsAtHome(t *testing.T) {
	for _, p := range drawn() {
		ids := map[string]int64{}
		for _, w := range slices.Concat(p.Bursts...) {
			if !slices.Contains(p.Rooms, w.Event.Room) || w.Partition != p.home(w.Event.Room) || w.Partition >= p.Setting.Partitions || w.Key != fmt.Sprint(w.Event.Room) || w.At < 0 {
				t.Errorf("seed %d: %+v", p.Seed, w)
			}
			// A msgId names one message only: what is repeated is the same one.
			if room, ok := ids[w.Event.ID]; ok && room != w.Event.Room {
				t.Errorf("seed %d: %s is in rooms %d and %d", p.Seed, w.Event.ID, room, w.Event.Room)
			}
			ids[w.Event.ID] = w.Event.Room
		}
	}
}

func TestTheEventOfARecordIsWhatItsValueSays(t *testing.T) {
	for _, p := range drawn()[:100] {
		for _, w := range slices.Concat(p.Bursts...) {
			if !w.Event.Valid {
				continue
			}
			var m struct {
				Roomid                        int64
				FromAccid, MsgID, Attach, Env string
				MsgType, ResendFlag           uint8
			}
			if err := json.Unmarshal(w.Value, &m); err != nil {
				t.Fatalf("seed %d: %s: %v", p.Seed, w.Value, err)
			}
			e := Event{Room: m.Roomid, Sender: m.FromAccid, ID: m.MsgID, Attach: m.Attach, Resend: m.ResendFlag, Valid: true, Replay: w.Event.Replay}
			if m.Env != "" {
				e.Options = "env=" + m.Env
			}
			if e != w.Event {
				t.Errorf("seed %d: %s: %+v", p.Seed, w.Value, w.Event)
			}
		}
	}
}

func TestEveryErrorOfABrokerCanBeDrawn(t *testing.T) {
	seen := map[[2]int]bool{}
	all := 0
	for i, x := range answers {
		all += len(x.err)
		for n := i; n < 1<<16; n += len(answers) { // as a Fault picks by its number
			seen[[2]int{i, n / 16 % len(x.err)}] = true
		}
	}
	if len(seen) != all {
		t.Errorf("%d of %d errors can", len(seen), all)
	}
	if answers[1].key != kmsg.OffsetCommit || lateKeys[0] != int16(kmsg.OffsetCommit) {
		t.Error("a torrent's deeds are about something else than commits")
	}
}

func TestEveryWoundCanBeDrawn(t *testing.T) {
	seen := map[world.Wound]int{}
	for n := range 1 << 16 {
		some := wounds(n)
		if len(some) == 0 || len(some) > 4 {
			t.Fatalf("%d: %v", n, some)
		}
		for _, w := range some {
			seen[w]++
		}
	}
	for _, way := range []world.Way{world.Out, world.In} {
		for _, part := range []world.Part{world.Before, world.Within, world.After} {
			if seen[world.Wound{Way: way, Part: part}] == 0 {
				t.Errorf("never: way %d, part %d", way, part)
			}
		}
	}
	if len(seen) != 6 {
		t.Errorf("unknown wounds: %v", seen)
	}
}

func TestANumberPicksFromTheWholeOfARange(t *testing.T) {
	least, most := time.Hour, time.Duration(0)
	for n := range 1 << 16 {
		d := spread(n, time.Second, 3*time.Second)
		least, most = min(least, d), max(most, d)
	}
	if least != time.Second || most >= 3*time.Second || most < 2990*time.Millisecond {
		t.Errorf("from %v to %v", least, most)
	}
}
