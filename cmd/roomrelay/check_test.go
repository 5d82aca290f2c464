package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"roomrelay/internal/imsim"
)

// bench is what a check looks at: an embedded broker and an API.
type bench struct {
	*kfake.Cluster
	sim *imsim.Sim
	api *httptest.Server
}

func newBench(t *testing.T, handler func(*imsim.Sim) http.Handler) *bench {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "chat"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b := &bench{Cluster: c, sim: imsim.New(imsim.Config{AppKey: "k", AppSecret: "hush", Seed: 1})}
	h := http.Handler(b.sim)
	if handler != nil {
		h = handler(b.sim)
	}
	b.api = httptest.NewServer(h)
	t.Cleanup(b.api.Close)
	return b
}

func (b *bench) letters(t *testing.T, policy string) {
	t.Helper()
	if err := b.CreateTopic("dlq.chat", 3, map[string]string{"cleanup.policy": policy}); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) check(args ...string) outcome {
	environ := []string{
		"ROOMRELAY_BROKERS=" + b.ListenAddrs()[0], "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=g",
		"ROOMRELAY_APP_KEY=k", "ROOMRELAY_APP_SECRET=hush", "ROOMRELAY_API_ENDPOINT=" + b.api.URL,
	}
	return execute(nil, environ, append([]string{"check"}, args...)...)
}

func TestCheckSaysThatAllIsWellAndShowsNobodyAnything(t *testing.T) {
	b := newBench(t, nil)
	b.letters(t, "delete")
	var produced, joined bool
	b.ControlKey(-1, func(r kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		produced = produced || r.Key() == int16(kmsg.Produce)
		joined = joined || r.Key() == int16(kmsg.JoinGroup)
		return nil, nil, false
	})
	got := b.check("--fresh")
	if got.code != exitFine || got.err != "" || strings.Contains(got.out, "FAIL") || strings.Contains(got.out, "note") {
		t.Errorf("%+v", got)
	}
	for _, want := range []string{
		"ok    topic chat: 3 partitions\n", "ok    dead-letter topic dlq.chat: 3 partitions\n", "its cleanup.policy is delete, and it takes what chat takes\n",
		"ok    group g: has a commit for 0 of 3 partitions; the others are fresh", "ok    credentials: ", "ok    clock: ",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	if s := b.sim.Stats(); s.Calls != 1 || s.Shown != 0 || produced || joined {
		t.Errorf("%+v, produced %v, joined %v", s, produced, joined)
	}
}

func TestCheckTellsEachThingThatIsWrong(t *testing.T) {
	answer := func(status int, body string, header ...string) func(*imsim.Sim) http.Handler {
		return func(*imsim.Sim) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for i := 0; i < len(header); i += 2 {
					w.Header().Set(header[i], header[i+1])
				}
				w.WriteHeader(status)
				fmt.Fprint(w, body)
			})
		}
	}
	off := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	const refused = `{"code":414,"desc":"msgList is empty"}`
	for name, c := range map[string]struct {
		policy  string // of the dead-letter topic; "": there is none
		bytes   string // its max.message.bytes; "": the default
		handler func(*imsim.Sim) http.Handler
		args    string
		says    string
		fine    bool
	}{
		"no dead-letter topic":    {says: "FAIL  dead-letter topic dlq.chat: it doesn't exist; create it: kafka-topics.sh"},
		"compacted":               {policy: "compact", says: "FAIL  dead-letter topic dlq.chat: its cleanup.policy is compact"},
		"both policies":           {policy: "compact,delete", says: "FAIL  dead-letter topic dlq.chat: its cleanup.policy is compact,delete"},
		"smaller":                 {policy: "delete", bytes: "1000", says: "FAIL  dead-letter topic dlq.chat: its max.message.bytes is 1000, and that of chat is 1048588"},
		"larger":                  {policy: "delete", bytes: "2000000", says: "ok    dead-letter topic dlq.chat: its cleanup.policy is delete", fine: true},
		"no topic":                {policy: "delete", args: "--topic=other --dead-letter-topic=dlq.chat", says: "FAIL  topic other: it doesn't exist"},
		"a broker is down":        {policy: "delete", args: "--brokers=127.0.0.1:1", says: "FAIL  broker 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused\n"},
		"TLS where there is none": {policy: "delete", args: "--tls", says: "does this listener speak TLS?"},
		"not fresh":               {policy: "delete", says: "note  group g: has a commit for 0 of 3 partitions; in the others", fine: true},
		"wrong secret":            {policy: "delete", args: "--app-secret=wrong", says: "FAIL  credentials: the API refuses the signature (414 "},
		"wrong key":               {policy: "delete", args: "--app-key=other", says: "FAIL  credentials: the API refuses the signature (414 "},
		"endpoint down":           {policy: "delete", args: "--api-endpoint=http://127.0.0.1:1", says: "FAIL  endpoint http://127.0.0.1:1: can't be reached"},
		"redirect":                {policy: "delete", handler: answer(302, "", "Location", "/x"), says: "redirects (HTTP 302): set api-endpoint"},
		"somebody else's page":    {policy: "delete", handler: answer(200, "<html>"), says: "answers HTTP 200, not as the API does"},
		"clock far off":           {policy: "delete", handler: answer(200, refused, "Date", off(6*time.Minute)), says: "FAIL  clock: this machine's is "},
		"clock somewhat off":      {policy: "delete", handler: answer(200, refused, "Date", off(-time.Minute)), says: "note  clock: this machine's is ", fine: true},
		"clock refused":           {policy: "delete", handler: answer(200, `{"code":"414","desc":"CurTime is expired"}`), says: "FAIL  clock: the API refuses the time"},
		"wrong region":            {policy: "delete", handler: answer(200, `{"code":403,"desc":"forbidden in current region"}`), says: "FAIL  credentials: the API refuses the app (403"},
		"address not allowed":     {policy: "delete", handler: answer(200, `{"code":315}`), says: "FAIL  credentials: the API doesn't allow this machine's IP"},
		"over the quota":          {policy: "delete", handler: answer(200, `{"code":416}`), says: "note  credentials: can't tell", fine: true},
		"API in trouble":          {policy: "delete", handler: answer(200, `{"code":503}`), says: "note  credentials: can't tell", fine: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.handler)
			if c.policy != "" {
				config := map[string]string{"cleanup.policy": c.policy}
				if c.bytes != "" {
					config["max.message.bytes"] = c.bytes
				}
				if err := b.CreateTopic("dlq.chat", 3, config); err != nil {
					t.Fatal(err)
				}
			}
			got := b.check(strings.Fields(c.args)...)
			if !strings.Contains(got.out, c.says) || (got.code == exitFine) != c.fine || got.code == exitUsage {
				t.Errorf("exit %d, want %q in\n%s%s", got.code, c.says, got.out, got.err)
			}
			if strings.Contains(got.out+got.err, "hush") {
				t.Error("the secret is shown")
			}
		})
	}
}

func TestCheckWaitsForACoordinatorThatIsBeingMade(t *testing.T) {
	b := newBench(t, nil)
	b.letters(t, "delete")
	refusals := []int16{kerr.NotCoordinator.Code, kerr.CoordinatorLoadInProgress.Code, kerr.CoordinatorNotAvailable.Code}
	b.ControlKey(int16(kmsg.OffsetFetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if len(refusals) == 0 {
			return nil, nil, false
		}
		b.KeepControl()
		answer := r.ResponseKind().(*kmsg.OffsetFetchResponse)
		answer.ErrorCode, refusals = refusals[0], refusals[1:]
		return answer, nil, true
	})
	got := b.check()
	if got.code != exitFine || !strings.Contains(got.out, "note  group g: has a commit for 0 of 3 partitions") || len(refusals) > 0 {
		t.Errorf("%d refusals left, %+v", len(refusals), got)
	}
}

func TestWhatOthersWroteFitsALine(t *testing.T) {
	if got := brief("a\x1b[31m\n b\xff" + strings.Repeat("é", 100)); got != "a [31m b?"+strings.Repeat("é", 71)+"…" {
		t.Errorf("%q", got)
	}
}
