package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"roomrelay/internal/imsim"
)

// The tool and the worker together, as the runbook goes: fail, list, mend, replay, delivered, nothing outstanding.
func TestI4_TheRunbookEndsWithNothingOutstanding(t *testing.T) {
	b := newLetterbox(t)
	sim := imsim.New(imsim.Config{AppKey: "k", AppSecret: "hush", Seed: 1, Forgetful: true})
	sim.SetFaults(&imsim.Faults{Rules: []imsim.Rule{{Do: imsim.DoCode, Code: 404, Rooms: []int64{3}}}})
	api := httptest.NewServer(sim)
	defer api.Close()
	environ := []string{
		"ROOMRELAY_BROKERS=" + b.ListenAddrs()[0], "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=g", "ROOMRELAY_FRESH=true",
		"ROOMRELAY_APP_KEY=k", "ROOMRELAY_APP_SECRET=hush", "ROOMRELAY_API_ENDPOINT=" + api.URL, "ROOMRELAY_ADMIN_ADDR=off",
	}
	signals := make(chan os.Signal)
	ended := make(chan int)
	var log text
	go func() {
		p := &program{environ: environ, in: strings.NewReader(""), out: &log, err: &log}
		ended <- p.run([]string{"worker"}, signals)
	}()
	var events strings.Builder
	for i := range 40 {
		fmt.Fprintf(&events, `{"roomid":%d,"fromAccid":"ann","msgId":"m%d","msgType":0,"attach":"hello"}`+"\n", 1+i%4, i)
	}
	fmt.Fprintln(&events, `{"roomid":2,"fromAccid":"ann","msgId":"bad","msgType":77}`)
	if got := execute(strings.NewReader(events.String()), environ, "produce", "--speed=0"); got.code != exitFine {
		t.Fatalf("%+v", got)
	}
	count := func() (s stats) {
		got := b.run("dlq", "stats", "--json")
		if err := json.Unmarshal([]byte(got.out), &s); err != nil {
			t.Fatalf("%v: %+v", err, got)
		}
		return s
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(30 * time.Second); count().Outstanding < 11; {
		select {
		case <-limit:
			t.Fatalf("%+v\n%s", count(), log.String())
		case <-tick.C:
		}
	}
	// The room is still closed: what is replayed comes back.
	got := b.run("dlq", "replay", "--reason=refused-request", "--limit=2", "--yes", "--force", "--wait=30s")
	if got.code != exitLeft || !strings.Contains(got.err, "Delivered: 0; came back: 2; not settled yet: 0.") {
		t.Errorf("%+v", got)
	}
	sim.SetFaults(nil)
	got = b.run("dlq", "replay", "--reason=refused-request", "--yes", "--force", "--wait=30s", "--json")
	var s replaySummary
	if err := json.Unmarshal([]byte(got.out), &s); err != nil || got.code != exitFine || s.Delivered != 10 || s.CameBack != 0 {
		t.Errorf("%v %+v %+v", err, s, got)
	}
	if got := b.run("dlq", "replay", "--msgid=bad", "--set=msgType=0", "--yes", "--wait=30s"); got.code != exitFine || !strings.Contains(got.err, "Delivered: 1;") {
		t.Errorf("%+v", got)
	}
	if s := count(); s.Outstanding != 0 || s.OnTheirWay != 0 || s.Done != 11 {
		t.Errorf("%+v", s)
	}
	if s := sim.Stats(); s.Shown != 41 || s.ShownTwice != 0 || s.Unflagged != 0 {
		t.Errorf("%+v", s)
	}
	if got := b.run("trace", "m2"); got.code != exitFine || !strings.Contains(got.out, "letter") {
		t.Errorf("%+v", got)
	}
	signals <- syscall.SIGTERM
	if code := <-ended; code != exitFine {
		t.Errorf("exit %d\n%s", code, log.String())
	}
}
