package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func TestReadinessSaysWhyNot(t *testing.T) {
	why := errors.New("the dead-letter topic can't be written")
	h := routes(NewMetrics(Config{}), func() error { return why })
	if code, body := get(t, h, "/readyz"); code != http.StatusServiceUnavailable || body != why.Error()+"\n" {
		t.Errorf("%d %q", code, body)
	}
	if code, _ := get(t, h, "/livez"); code != http.StatusOK {
		t.Errorf("not ready isn't dead: %d", code)
	}
	why = nil
	if code, body := get(t, h, "/readyz"); code != http.StatusOK || body != "ready\n" {
		t.Errorf("%d %q", code, body)
	}
	if code, _ := get(t, h, "/debug/pprof/"); code != http.StatusNotFound {
		t.Errorf("/debug is there: %d", code)
	}
}

func TestMetricsAreThereBeforeAnythingHappensAndCountWhatDoes(t *testing.T) {
	s := Sample{Ready: true, Partitions: []PartitionSample{{Partition: 3, Lag: 7, InDoubt: 2}}, Delivered: 5, Commits: 9, QuotaShare: 22.5}
	m := NewMetrics(Config{Version: "v1", Verdicts: []string{"listed"}, Reasons: []string{"given-up"}, Sample: func() Sample { return s }})
	h := routes(m, func() error { return nil })
	_, before := get(t, h, "/metrics")
	m.Attempted(30*time.Millisecond, 4, "listed")
	m.Attempted(30*time.Millisecond, 4, "never heard of")
	m.Lettered("given-up")
	m.Lettered("whatever a message says")
	m.Delivered(120 * time.Millisecond)
	_, after := get(t, h, "/metrics")
	for _, x := range []struct{ in, line string }{
		{before, `roomrelay_calls_total{verdict="listed"} 0`},
		{before, `roomrelay_letters_total{reason="given-up"} 0`},
		{before, `roomrelay_build_info{version="v1"} 1`},
		{before, `roomrelay_ready 1`},
		{before, `roomrelay_lag{partition="3"} 7`},
		{before, `roomrelay_in_doubt_events{partition="3"} 2`},
		{before, `roomrelay_settled_total{outcome="delivered"} 5`},
		{before, `roomrelay_settled_total{outcome="lettered"} 0`},
		{before, `roomrelay_commits_total 9`},
		{before, `roomrelay_quota_calls_per_second 22.5`},
		{after, `roomrelay_calls_total{verdict="listed"} 1`},
		{after, `roomrelay_calls_total{verdict="other"} 1`},
		{after, `roomrelay_letters_total{reason="other"} 1`},
		{after, `roomrelay_call_messages_bucket{le="4"} 2`},
		{after, `roomrelay_call_seconds_count 2`},
		{after, `roomrelay_delivery_wait_seconds_bucket{le="0.15"} 1`},
	} {
		if !strings.Contains(x.in, x.line+"\n") {
			t.Errorf("%s isn't in\n%s", x.line, x.in)
		}
	}
	if strings.Contains(after, "whatever") {
		t.Error("a label took what it was given")
	}
	if problems, err := testutil.GatherAndLint(m.registry); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

func TestTheAdminServerStopsWithItsContext(t *testing.T) {
	a, err := Listen("127.0.0.1:0", NewMetrics(Config{}), func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx) }()
	answer, err := http.Get("http://" + a.Addr().String() + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", a.Addr().String()); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

func TestATakenAddressIsToldAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(l.Addr().String(), NewMetrics(Config{}), nil); err == nil || !strings.Contains(err.Error(), "listen tcp "+l.Addr().String()) {
		t.Errorf("said %v", err)
	}
}

func TestTheLogIsOfItsLevelAndFormat(t *testing.T) {
	var b bytes.Buffer
	log, err := NewLog(&b, "warn", "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Info().Msg("too little")
	log.Warn().Int("n", 1).Msg("enough")
	var line struct {
		Level, Message, Time string
		N                    int
	}
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line.Level != "warn" || line.Message != "enough" || line.N != 1 {
		t.Errorf("%v %s", err, b.String())
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z07:00", line.Time); err != nil {
		t.Error(err)
	}
	b.Reset()
	log, _ = NewLog(&b, "info", "console")
	log.Info().Msg("for people")
	if got := b.String(); !strings.Contains(got, "INF for people") || strings.Contains(got, "\x1b[") {
		t.Errorf("%q", got)
	}
	if _, err := NewLog(&b, "loud", "json"); err == nil {
		t.Error("an unknown level is taken")
	}
}
