package main

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/deadletter"
)

func TestTheExporterServesWhatAlertsNeed(t *testing.T) {
	b := newLetterbox(t)
	b.fail("g", failed(1, nil), failed(2, func(l *deadletter.Letter) { l.Reason, l.FirstFailedAt = "strange", time.Now().Add(-time.Hour) }))
	b.fail("other", failed(1, nil))
	var out, err text
	p := &program{environ: []string{"ROOMRELAY_BROKERS=" + b.ListenAddrs()[0], "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=g"}, out: &out, err: &err}
	signals := make(chan os.Signal, 1)
	ended := make(chan int, 1)
	go func() { ended <- p.run([]string{"dlq", "exporter", "--listen=127.0.0.1:0", "--every=1s"}, signals) }()

	url := ""
	await := func(what string, cond func() bool) {
		t.Helper()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for limit := time.After(20 * time.Second); !cond(); {
			select {
			case <-limit:
				t.Fatalf("still not: %s\n%s", what, err.String())
			case <-tick.C:
			}
		}
	}
	await("it serves", func() bool {
		url = regexp.MustCompile(`http://[^/]*`).FindString(err.String())
		return url != ""
	})
	get := func(path string) string {
		r, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		return string(body)
	}
	has := func(lines ...string) func() bool {
		return func() bool {
			got := get("/metrics")
			for _, l := range lines {
				if !strings.Contains(got, l) {
					return false
				}
			}
			return true
		}
	}
	await("letters are told", has("roomrelay_dlq_up 1\n", `roomrelay_dlq_outstanding{reason="refused-message"} 1`, `roomrelay_dlq_outstanding{reason="other"} 1`,
		`roomrelay_dlq_outstanding{reason="given-up"} 0`, "roomrelay_dlq_on_their_way 0\n", "roomrelay_dlq_oldest_age_seconds 36", "roomrelay_dlq_retention_left_seconds 6", "roomrelay_dlq_unreadable 0\n"))
	if got := get("/readyz"); got != "ready\n" {
		t.Error(got)
	}
	if got := b.run("dlq", "replay", "--yes", "--reason=refused-message"); got.code != exitFine {
		t.Fatal(got)
	}
	await("replays are told", has(`roomrelay_dlq_outstanding{reason="refused-message"} 0`, "roomrelay_dlq_on_their_way 1\n"))

	deny := b.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.GroupAuthorizationFailed, Count: -1})
	await("a failure is told", has("roomrelay_dlq_up 0\n", "roomrelay_dlq_on_their_way 1\n", "roomrelay_dlq_readings_failed_total 2\n"))
	if got := get("/readyz"); !strings.Contains(got, "DESCRIBE on topic chat and on group g") || strings.Count(err.String(), "trying again") != 1 {
		t.Errorf("%s\n%s", got, err.String())
	}
	deny.Remove()
	await("it goes on", has("roomrelay_dlq_up 1\n"))
	signals <- syscall.SIGTERM
	if code := <-ended; code != exitFine {
		t.Errorf("exit %d\n%s", code, err.String())
	}
	for args, says := range map[string]string{"--every=1ms": "takes 1s or more", "--listen=nowhere": "--listen: listen tcp"} {
		if got := b.run("dlq", "exporter", args); got.code != exitFailed || !strings.Contains(got.err, says) {
			t.Errorf("%s: %+v", args, got)
		}
	}
}
