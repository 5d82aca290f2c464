package replay

import (
	"fmt"
	"testing"
	"time"

	"roomrelay/deadletter"
)

func TestWhatIsLeftAside(t *testing.T) {
	inRig(t, func(x *rig) {
		old := time.Now()
		time.Sleep(2 * time.Hour)
		x.inHand[deadletter.Place{Partition: 1, Offset: 4}] = true
		x.fail(
			letter(1, 1, nil),
			letter(1, 2, func(l *deadletter.Letter) { l.Outcome = deadletter.OutcomeUnknown }),
			letter(1, 3, func(l *deadletter.Letter) { l.Outcome, l.FirstFailedAt = deadletter.OutcomeUnknown, old }),
			letter(1, 4, nil),
			letter(1, 5, func(l *deadletter.Letter) {
				l.Invalid, l.Reason, l.Record.Value = true, deadletter.ReasonInvalid, []byte("{}")
			}),
			letter(1, 60, func(l *deadletter.Letter) {
				f := deadletter.Filed{Identity: deadletter.Identity{Group: "g", Topic: "chat", Partition: 1, Offset: 6}, Replays: 2}
				l.Record.Headers = f.ReplayHeaders(nil)
			}),
		)
		l, entries := x.outstanding()
		rules := Rules{MaxReplays: 3, DedupeWindow: time.Hour, Topic: "chat", Now: time.Now()}
		offsets := func(r Rules) (s string) {
			chosen, aside := Choose(l, entries, r)
			n := 0
			for _, k := range aside {
				n += k
			}
			for _, e := range chosen {
				s += fmt.Sprint(e.Identity.Offset, " ")
			}
			return s + fmt.Sprint("and ", n)
		}
		forced, all, changed, elsewhere := rules, rules, rules, rules
		forced.Force = true
		all.MaxReplays = 0
		changed.Changed, changed.Mended = true, true
		elsewhere.Topic = "other"
		for _, c := range []struct {
			rules Rules
			want  string
		}{{rules, "1 2 and 4"}, {forced, "1 2 3 4 6 and 1"}, {all, "1 2 6 and 3"}, {changed, "1 5 and 4"}, {elsewhere, "and 6"}} {
			if got := offsets(c.rules); got != c.want {
				t.Errorf("%+v: chosen %s, want %s", c.rules, got, c.want)
			}
		}
		if chosen, aside := ChooseDone(l, entries, false); len(chosen) != 5 || aside[inHand] != 1 {
			t.Errorf("%d can be discarded, %v can't", len(chosen), aside)
		}
	})
}
