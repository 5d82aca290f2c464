//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"roomrelay/event"
	"roomrelay/internal/imsim"
)

// held is a demo that has ended its faults and leaves its letters to a person.
type held struct {
	*process
	*cluster
	sim *simulator
	env []string // of the dlq verbs
}

var invitation = regexp.MustCompile(`(?s)export ROOMRELAY_BROKERS=(\S+)\n.*curl (http://\S+)/sim/messages.*runbook`)

func holdDemo(t *testing.T) *held {
	t.Helper()
	h := &held{process: startProcess(t, t.Name(), os.Environ(), program("demo"), "--faults", "--hold", "--json")}
	var said []string
	poll(t, 2*time.Minute, "the demo leaves its letters to us", func() (bool, string) {
		if err := h.ended(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(h.out)
		if err != nil {
			return false, err.Error()
		}
		said = invitation.FindStringSubmatch(string(text))
		return said != nil, h.lastWords()
	})
	var err error
	if h.cluster, err = reach(strings.Split(said[1], ",")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.admin.Close)
	h.sim = &simulator{process: h.process, url: said[2], seed: 1} // the demo's default
	h.env = append(os.Environ(), "ROOMRELAY_BROKERS="+said[1], "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=roomrelay")
	return h
}

// dlq runs a verb, and gives what it wrote to its standard output.
func (h *held) dlq(t *testing.T, wantCode int, args ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), program("roomrelay"), append([]string{"dlq"}, args...)...)
	c.Env = h.env
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	if code := c.ProcessState.ExitCode(); code != wantCode {
		t.Fatalf("dlq %q: exit %d, want %d\n%s%s", args, code, wantCode, out, said.Bytes())
	}
	return out
}

// fate is what should have become of an event.
type fate struct {
	room   int64
	msgID  string
	reason string
	code   int
}

// failed tells from the topic, from the simulator's standing refusals and from what it showed which events failed,
// and why.
func (h *held) failed(t *testing.T) map[place]fate {
	t.Helper()
	to, err := h.endsOf(t.Context(), "chat")
	if err != nil {
		t.Fatal(err)
	}
	records, err := h.read(t.Context(), "chat", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[fate]bool{}
	for _, m := range h.sim.shown(t) {
		shown[fate{room: m.Room, msgID: m.MsgID}] = true
	}
	refusals := h.sim.faults(t)
	all := map[place]fate{}
	for _, r := range records {
		e, err := event.Decode(event.Record{Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value})
		x := fate{room: e.Room, msgID: e.MsgID}
		if err == nil && shown[x] {
			continue
		}
		if err != nil {
			x.reason = "invalid"
		} else if x.reason, x.code = h.refusedBy(refusals, e); x.reason == "" {
			t.Errorf("%s in room %d was not shown, and nothing refuses it", e.MsgID, e.Room)
		}
		all[placeOf(r)] = x
	}
	return all
}

func placeOf(r *kgo.Record) place { return place{r.Partition, r.Offset} }

// refusedBy is the reason and the code of an event that the rules refuse for good.
func (h *held) refusedBy(f *imsim.Faults, e *event.Event) (reason string, code int) {
	for _, r := range f.Rules {
		switch {
		case r.Do == imsim.DoCode && len(r.Rooms) == 1 && r.Rooms[0] == e.Room:
			return "refused-request", r.Code // whatever else: the call isn't looked into
		case (r.Do == imsim.DoRefuse || r.Do == imsim.DoPoison) && r.Picks(h.sim.seed, e.MsgID):
			reason, code = "refused-message", http.StatusOK
			if r.Do == imsim.DoPoison {
				reason, code = "refused-request", r.Code
			}
		}
	}
	return reason, code
}

// faults are the simulator's.
func (s *simulator) faults(t testing.TB) *imsim.Faults {
	t.Helper()
	body, err := s.call(t.Context(), http.MethodGet, "/sim/faults", nil)
	if err != nil {
		t.Fatalf("asking for the simulator's faults: %v", err)
	}
	defer body.Close()
	f, err := imsim.ReadFaults(body)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// listed is what dlq ls says of the outstanding letters.
func (h *held) listed(t *testing.T) map[place]fate {
	t.Helper()
	all := map[place]fate{}
	for line := range bytes.Lines(h.dlq(t, 0, "ls", "--json")) {
		var x struct {
			FirstPartition int32
			FirstOffset    int64
			Roomid         int64
			MsgID          string
			Reason         string
			Code           int
		}
		if err := json.Unmarshal(line, &x); err != nil {
			t.Fatal(err)
		}
		all[place{x.FirstPartition, x.FirstOffset}] = fate{x.Roomid, x.MsgID, x.Reason, x.Code}
	}
	return all
}

// counted is what dlq stats says: how many are outstanding, by reason and by code.
func (h *held) counted(t *testing.T) (outstanding int, by map[string]int) {
	t.Helper()
	type count struct {
		What  string
		Count int
	}
	var x struct {
		Outstanding      int
		ByReason, ByCode []count
	}
	if err := json.Unmarshal(h.dlq(t, 0, "stats", "--json"), &x); err != nil {
		t.Fatal(err)
	}
	by = map[string]int{}
	for _, c := range append(x.ByReason, x.ByCode...) {
		by[c.What] = c.Count
	}
	return x.Outstanding, by
}

func countsOf(all map[place]fate) map[string]int {
	by := map[string]int{}
	for _, x := range all {
		by[x.reason]++
		if x.code != 0 {
			by[fmt.Sprint(x.code)]++
		}
	}
	return by
}

// TestTheRunbookFollowedOnTheDemoEndsWithNothingOutstanding is an operator's round with the demo's faults on and then
// off: what the tool says of the letters is what the topic and the simulator say, message by message; one replay
// delivers what can be delivered; what is left can't be mended by sending it again.
func TestTheRunbookFollowedOnTheDemoEndsWithNothingOutstanding(t *testing.T) {
	h := holdDemo(t)
	want := h.failed(t)
	if got := h.listed(t); len(want) < 20 || !maps.Equal(got, want) {
		t.Errorf("dlq ls tells of %d letters, %d events failed:\n%v\n%v", len(got), len(want), got, want)
	}
	if n, by := h.counted(t); n != len(want) || !maps.Equal(by, countsOf(want)) {
		t.Errorf("dlq stats counts %d, %v; %d events failed, %v", n, by, len(want), countsOf(want))
	}
	before := h.sim.stats(t)

	// What refuses them lasts: what is replayed comes back.
	h.dlq(t, 2, "replay", "--reason", "refused-message", "--limit", "3", "--yes", "--wait", "1m")
	if got := h.listed(t); !maps.Equal(got, want) {
		t.Errorf("after a replay that came back dlq ls tells of %d letters, not of %d", len(got), len(want))
	}
	h.sim.misbehave(t, &imsim.Faults{})
	h.dlq(t, 2, "replay", "--yes", "--wait", "1m") // 2: what is no event is left aside
	left := h.listed(t)
	for p, x := range left {
		if x.reason != "invalid" || want[p] != x {
			t.Errorf("left after the replay: %v %+v", p, x)
		}
	}
	after := h.sim.stats(t)
	if delivered := len(want) - len(left); after.Shown != before.Shown+int64(delivered) || after.ShownTwice != 0 || after.Unflagged != 0 {
		t.Errorf("shown %d before and %d after %d letters were replayed; %d twice, %d unflagged", before.Shown, after.Shown, delivered, after.ShownTwice, after.Unflagged)
	}
	h.dlq(t, 0, "discard", "--reason", "invalid", "--why", "no events", "--yes")
	if n, _ := h.counted(t); n != 0 {
		t.Errorf("%d outstanding at the end", n)
	}
	if code := h.terminate(t, time.Minute); code != 0 {
		t.Errorf("the demo's audit: exit %d\n%s", code, h.lastWords())
	}
}
