//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"roomrelay/internal/imsim"
)

// said is what a command that has ended has said.
type said struct {
	out, err string
	code     int
	took     time.Duration
}

// command runs the program with settings until it ends.
func command(t testing.TB, s settings, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, program("roomrelay"), args...)
	c.Env = environment(s)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	began := time.Now()
	err := c.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() < 0) {
		t.Fatalf("running roomrelay %v: %v\n%s%s", args, err, out.String(), errs.String())
	}
	return said{out.String(), errs.String(), c.ProcessState.ExitCode(), time.Since(began)}
}

// Every login works on every listener, with exactly the documented permissions; events of all kinds are delivered or
// become letters.
func TestEveryLoginWorksWithTheDocumentedPermissions(t *testing.T) {
	f := fortressOf(t)
	s := newStand(t, f.cluster, plan{partitions: 3, settings: patient()})
	f.grant(t, s, "worker", documented(t, forWorker)...)
	for _, w := range ways {
		in := f.in(t, w, "worker")
		got := command(t, s.settings.with(in), "check")
		if got.code != 0 || strings.Contains(got.out, "FAIL") || !strings.Contains(got.out, "ok    permissions: ") {
			t.Errorf("%v: check says %s%s", w, got.out, got.err)
		}
		x := s.hire(t, w.listener+"-"+w.mechanism, in)
		x.ready(t, 20*time.Second)
		s.producer.some(t, 100)
		s.settle(t, 30*time.Second)
		if code := x.terminate(t, stopLimit); code != 0 {
			t.Errorf("%v: the worker ended with code %d:\n%s", w, code, x.lastWords())
		}
		quiet(t, x, "sending is held up") // until the first call is taken, where a 414 comes before
	}
	if r := s.audit(t); r.Published < 900 || r.DeadLettered < 9 || r.duplicates > 0 {
		t.Errorf("too little happened for this to prove anything, or something twice: %s", r)
	}
}

// quiet sees that the worker has told nothing that is worse than what it does, but for messages that are expected.
func quiet(t testing.TB, w *worker, but ...string) {
	t.Helper()
	for _, l := range w.lines() {
		if l.Level != "debug" && l.Level != "info" && !slices.Contains(append(but, "setting", "position reset"), l.Message) {
			t.Errorf("%s says: %s", w.name, l.raw)
		}
	}
}

// Letters are found, shown, replayed and discarded with exactly the documented permissions, and not with less.
func TestLettersAreLookedAfterWithTheDocumentedPermissions(t *testing.T) {
	f := fortressOf(t)
	s := newStand(t, f.cluster, plan{partitions: 3, settings: quick()})
	f.grant(t, s, "worker", documented(t, forWorker)...)
	f.grant(t, s, "reader", documented(t, forReader)...)
	f.grant(t, s, "replayer", slices.Concat(documented(t, forReader), documented(t, forReplayer))...)
	w := s.hire(t, "w", f.in(t, way{"locked", "scram-sha-512"}, "worker"))
	w.ready(t, 20*time.Second)
	s.producer.some(t, 1000)
	s.settle(t, time.Minute)
	r := s.audit(t)
	s.sim.forget(t)
	s.sim.misbehave(t, &imsim.Faults{}) // what was refused is taken now

	base := settings{"topic": s.topic, "group": s.group}
	reader := base.with(f.in(t, way{"locked", "plain"}, "reader"))
	replayer := base.with(f.in(t, way{"locked", "oauthbearer"}, "replayer"))
	stranger := base.with(f.in(t, way{"login", "plain"}, "stranger"))
	expect := func(s settings, code int, says, args string) string {
		t.Helper()
		got := command(t, s, strings.Fields(args)...)
		if got.code != code || !strings.Contains(got.out+got.err, says) {
			t.Errorf("%s as %s: code %d after %v, want %d and %q:\n%s%s", args, s["sasl-username"], got.code, got.took, code, says, got.out, got.err)
		}
		return got.out
	}
	const denied = "docs/security.md lists the permissions"
	all := r.DeadLettered
	expect(stranger, 1, denied, "dlq stats")
	expect(reader, 0, fmt.Sprintf("outstanding %10d\n", all), "dlq stats")
	listed := expect(reader, 0, `"`, "dlq ls --json")
	first, _, _ := strings.Cut(listed, "\n")
	var l struct{ Place string }
	if err := json.Unmarshal([]byte(first), &l); err != nil || strings.Count(listed, "\n") != all {
		t.Errorf("%d lines for %d letters; the first one is %q: %v", strings.Count(listed, "\n"), all, first, err)
	}
	expect(reader, 0, "reason", "dlq show "+l.Place)
	expect(reader, 1, denied, "dlq replay --yes")
	expect(reader, 1, denied, "dlq discard --yes --why=x")
	expect(replayer, 0, "Published and marked", "dlq replay --yes --wait 30s --reason refused-request")
	expect(replayer, 0, "Published and marked", "dlq replay --yes --wait 30s --reason refused-message")
	expect(replayer, 0, "Discarded", "dlq discard --yes --why nothing-to-send --reason invalid")
	expect(replayer, 0, fmt.Sprintf("outstanding %10d\n", 0), "dlq stats")
	shown := s.sim.shown(t)
	if want := all - r.Invalid; len(shown) != want || want < 10 {
		t.Errorf("rooms were shown %d of %d replayed messages", len(shown), want)
	}
	if code := w.terminate(t, stopLimit); code != 0 {
		t.Errorf("the worker ended with code %d:\n%s", code, w.lastWords())
	}
}
