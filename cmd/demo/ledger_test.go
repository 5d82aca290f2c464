package main

import (
	"testing"

	"roomrelay/internal/imsim"
)

func TestAMessageMayComeAgainUnflaggedOnlyIfItNeverReachedTheAPI(t *testing.T) {
	send := func(flag uint8, code int, taken bool) imsim.Call {
		return imsim.Call{Room: 1, Code: code, Taken: taken, Messages: []imsim.Sent{{MsgID: "a", Flag: flag}}}
	}
	for _, c := range []struct {
		name  string
		calls []imsim.Call
		want  int
	}{
		{"once", []imsim.Call{send(0, 200, true)}, 0},
		{"flagged after it was shown", []imsim.Call{send(0, 200, true), send(1, 200, true)}, 0},
		{"after it was shown", []imsim.Call{send(0, 200, true), send(0, 200, true)}, 1},
		{"after a cut call that was taken", []imsim.Call{send(0, 0, true), send(0, 200, true)}, 1},
		{"after a cut call that wasn't taken", []imsim.Call{send(0, 0, false), send(0, 200, true)}, 1},
		{"after a busy API", []imsim.Call{send(0, 503, false), send(0, 200, true)}, 1},
		{"after the quota", []imsim.Call{send(0, 416, false), send(0, 200, true)}, 0},
		{"alone, after its call was refused", []imsim.Call{send(0, 414, false), send(0, 200, true)}, 0},
		{"unflagged once it had been flagged", []imsim.Call{send(0, 503, false), send(1, 416, false), send(0, 200, true)}, 1},
		{"another room's message of that name", []imsim.Call{send(0, 503, false), {Room: 2, Code: 200, Taken: true, Messages: []imsim.Sent{{MsgID: "a"}}}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLedger()
			for _, call := range c.calls {
				l.note(call)
			}
			unflagged, calls, messages := l.read()
			if len(unflagged) != c.want {
				t.Errorf("unflagged: %v, want %d", unflagged, c.want)
			}
			if calls != int64(len(c.calls)) || messages != calls {
				t.Errorf("%d calls and %d messages, want %d each", calls, messages, len(c.calls))
			}
		})
	}
}
