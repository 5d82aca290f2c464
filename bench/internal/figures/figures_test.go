package figures

import (
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestQuantilesAreValuesThatWereThere(t *testing.T) {
	var values []time.Duration
	for i := 200; i > 0; i-- {
		values = append(values, time.Duration(i)*ms)
	}
	if got, want := QuantilesOf(values), (Quantiles{100 * ms, 198 * ms, 200 * ms}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := QuantilesOf([]time.Duration{7}), (Quantiles{7, 7, 7}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got := QuantilesOf(nil); got != (Quantiles{}) {
		t.Errorf("of nothing: %v", got)
	}
}

func TestSpreadIsMiddleAndEnds(t *testing.T) {
	values := []float64{3, 1, 2, 10}
	if got, want := SpreadOf(values), (Spread{2.5, 1, 10, 4}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if values[0] != 3 {
		t.Error("the values were sorted in place")
	}
	if got, want := SpreadOf(values[:3]), (Spread{2, 1, 3, 3}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestABatchIsDueAtItsWindowsEndOrWhenItIsFull(t *testing.T) {
	lane := []time.Duration{0, 10 * ms, 20 * ms, 300 * ms}
	for _, c := range []struct {
		head, batch int
		want        time.Duration
	}{
		{0, 3, 20 * ms},   // full before its window's end
		{0, 4, 100 * ms},  // the fourth comes too late
		{2, 3, 120 * ms},  // too few are left
		{3, 1, 300 * ms},  // it is full alone
		{3, 10, 400 * ms}, // nothing follows
	} {
		if got := Due(lane, c.head, 100*ms, c.batch); got != c.want {
			t.Errorf("head %d, batches of %d: due at %v, want %v", c.head, c.batch, got, c.want)
		}
	}
}

// two is a plan of two lanes of three messages each.
func two() *Plan {
	return &Plan{
		At: []time.Duration{0, 0, 10 * ms, 10 * ms, 20 * ms, 20 * ms}, Lane: []int32{0, 1, 0, 1, 0, 1},
		Window: 100 * ms, Batch: 2,
	}
}

func TestWaitIsFromTheScheduleAndLatenessFromTheDueTimeOfTheBatch(t *testing.T) {
	m := Measure(two(), []Call{
		{At: 12 * ms, Messages: []int32{0, 2}}, // full at 10
		{At: 30 * ms, Messages: []int32{1, 3}},
		{At: 121 * ms, Messages: []int32{4}}, // its window's end is at 120
		{At: 119 * ms, Messages: []int32{5}},
	})
	if want := (Quantiles{20 * ms, 101 * ms, 101 * ms}); m.Wait != want {
		t.Errorf("waits %v, want %v", m.Wait, want)
	}
	if want := (Quantiles{2 * ms, 20 * ms, 20 * ms}); m.Late != want {
		t.Errorf("lateness %v, want %v", m.Late, want)
	}
	if m.Delivered != 6 || m.Calls != 4 || m.PerCall != 1.5 || m.Swapped+m.Lost+m.Repeated+m.Stray != 0 {
		t.Errorf("%+v", m)
	}
}

func TestAMessageThatCameAfterALaterOneOfItsLaneIsSwapped(t *testing.T) {
	for name, c := range map[string]struct {
		calls   []Call
		swapped int
	}{
		"another lane's doesn't count": {[]Call{{Messages: []int32{1, 3, 5}}, {Messages: []int32{0, 2, 4}}}, 0},
		"within a call":                {[]Call{{Messages: []int32{2, 0, 4}}, {Messages: []int32{1, 3, 5}}}, 1},
		"over calls, both overtaken":   {[]Call{{Messages: []int32{4}}, {Messages: []int32{0, 2}}, {Messages: []int32{1, 3, 5}}}, 2},
		"a repeat isn't one":           {[]Call{{Messages: []int32{0, 2, 4}}, {Messages: []int32{0}}, {Messages: []int32{1, 3, 5}}}, 0},
	} {
		if m := Measure(two(), c.calls); m.Swapped != c.swapped {
			t.Errorf("%s: %d swapped, want %d", name, m.Swapped, c.swapped)
		}
	}
}

func TestWhatIsMissingRepeatedOrForbiddenIsCounted(t *testing.T) {
	p := two()
	p.Lane[5] = NoLane
	m := Measure(p, []Call{{Messages: []int32{0, 2}}, {Messages: []int32{2, 4}}, {Messages: []int32{5, -1}}})
	if m.Lost != 2 || m.Repeated != 1 || m.Stray != 2 || m.Delivered != 3 {
		t.Errorf("%+v", m)
	}
}

func TestWhatStandsAsideHasNoPartInTheFigures(t *testing.T) {
	p := two()
	p.Aside = []bool{false, true, false, true, false, true}
	m := Measure(p, []Call{{At: 10 * ms, Messages: []int32{0, 2}}, {At: 5 * time.Second, Messages: []int32{1, 3}}, {At: 120 * ms, Messages: []int32{4}}})
	if m.Wait.Max != 100*ms || m.Late.Max != 0 || m.Lost != 0 {
		t.Errorf("%+v", m)
	}
}

func TestTheRateIsThatOfTheMiddle(t *testing.T) {
	var times []time.Duration
	for i := range 1001 { // one a millisecond, after a slow start and before a slow end
		at := time.Duration(i) * ms
		if i < 100 {
			at -= time.Minute
		}
		if i > 900 {
			at += time.Minute
		}
		times = append(times, at)
	}
	if rate, from, to := MiddleRate(times); rate != 1000 || from != 100*ms || to != 900*ms {
		t.Errorf("%v a second from %v to %v", rate, from, to)
	}
	if rate, _, _ := MiddleRate([]time.Duration{5, 5, 5}); rate != 0 {
		t.Errorf("all at once: %v", rate)
	}
}

func TestTheBusiestSecondSlides(t *testing.T) {
	var calls []Call
	for _, at := range []time.Duration{0, 600 * ms, 700 * ms, 1500 * ms, 1599 * ms, 1600 * ms, 5 * time.Second} {
		calls = append(calls, Call{At: at})
	}
	if got := busiestSecond(calls); got != 4 { // 600 to 1599, and 700 to 1600
		t.Errorf("%d, want 4", got)
	}
}

func TestTheOracleSendsWhenDueAndWhenATokenIsThere(t *testing.T) {
	p := Policy{Window: 100 * ms, Batch: 3, Rate: 20} // a token each 50 ms
	for name, c := range map[string]struct {
		at   []time.Duration
		lane []int32
		want []Call
	}{
		"at its window's end": {[]time.Duration{0, 40 * ms}, []int32{0, 0}, []Call{{100 * ms, []int32{0, 1}}}},
		"when it is full":     {[]time.Duration{0, 40 * ms, 50 * ms}, []int32{0, 0, 0}, []Call{{50 * ms, []int32{0, 1, 2}}}},
		"the longest due first, a token apart": {
			[]time.Duration{0, 10 * ms},
			[]int32{1, 0},
			[]Call{{100 * ms, []int32{0}}, {150 * ms, []int32{1}}},
		},
		"what comes while it waits for a token goes along": {
			[]time.Duration{0, 10 * ms, 140 * ms},
			[]int32{0, 1, 1},
			[]Call{{100 * ms, []int32{0}}, {150 * ms, []int32{1, 2}}},
		},
		"a lane with a backlog queues again": {
			[]time.Duration{0, 0, 0, 0, 0, 0, 20 * ms, 20 * ms, 20 * ms},
			[]int32{0, 0, 0, 0, 0, 0, 1, 1, 1},
			// The second batch of lane 0 is full from the beginning, but queues from 0 on: before lane 1.
			[]Call{{0, []int32{0, 1, 2}}, {50 * ms, []int32{3, 4, 5}}, {100 * ms, []int32{6, 7, 8}}},
		},
		"what can't be decoded costs no call": {[]time.Duration{0, 0}, []int32{NoLane, 0}, []Call{{100 * ms, []int32{1}}}},
	} {
		got := Oracle(c.at, c.lane, p)
		if !slices.EqualFunc(got, c.want, func(a, b Call) bool { return a.At == b.At && slices.Equal(a.Messages, b.Messages) }) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestUnderAQuotaTheOracleLosesAndSwapsNothing(t *testing.T) {
	plan := Plan{Window: 100 * ms, Batch: 10}
	for i := range 3000 {
		plan.At = append(plan.At, time.Duration(i)*ms)
		plan.Lane = append(plan.Lane, int32(i*i%97))
	}
	calls := Oracle(plan.At, plan.Lane, Policy{Window: plan.Window, Batch: plan.Batch, Rate: 90})
	m := Measure(&plan, calls)
	if m.Delivered != 3000 || m.Swapped+m.Lost+m.Repeated+m.Stray != 0 || m.Busiest > 91 || m.PerCall < 5 {
		t.Errorf("%+v", m)
	}
}
