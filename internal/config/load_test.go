package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// given is what a valid worker needs, as variables.
var given = []string{
	"ROOMRELAY_BROKERS=kafka-1:9092", "ROOMRELAY_TOPIC=chat", "ROOMRELAY_GROUP=relay",
	"ROOMRELAY_APP_KEY=k", "ROOMRELAY_APP_SECRET=hush-hush",
}

func load(t *testing.T, use Use, args []string, environ ...string) (*Settings, error) {
	t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	f := NewFlags(set, use)
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Load(f, environ)
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFlagWinsOverAVariableThatOverTheFileThatOverTheDefault(t *testing.T) {
	path := file(t, "window: 1s\nmax-batch: 1\nrate: 1\napi-endpoint: [https://a, \"http://b:1\"]\nduplicate-reasons:\n  - one, and two\nfresh: true\n")
	s, err := load(t, Worker, []string{"--config", path, "--window=3s", "--brokers", "x:1", "--brokers", "y:2,z:3", "--leave-on-stop", "--instance-id", "i"},
		append(given, "ROOMRELAY_WINDOW=2s", "ROOMRELAY_MAX_BATCH=2", "ROOMRELAY_RATE=")...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value, source string }{
		{"window", "3s", "flag --window"},
		{"max-batch", "2", "variable ROOMRELAY_MAX_BATCH"},
		{"rate", "1", path + ":3"}, // an empty variable says nothing
		{"lease", "15s", "default"},
		{"brokers", "x:1,y:2,z:3", "flag --brokers"},
		{"api-endpoint", "https://a,http://b:1", path + ":4"},
		{"fresh", "true", path + ":7"},
		{"leave-on-stop", "true", "flag --leave-on-stop"},
		{"dead-letter-topic", "dlq.chat", "default"},
		{"app-secret", mask, "variable ROOMRELAY_APP_SECRET"},
	} {
		if got := lookup(s.table(), c.name).value.String(); got != c.value || s.Source(c.name) != c.source {
			t.Errorf("%s is %s from %s, want %s from %s", c.name, got, s.Source(c.name), c.value, c.source)
		}
	}
	if len(s.DuplicateReasons) != 1 || s.DuplicateReasons[0] != "one, and two" {
		t.Errorf("a text of the file's list was split: %q", s.DuplicateReasons)
	}
	if s.AppSecret != "hush-hush" {
		t.Error("the secret didn't arrive")
	}
	s, err = load(t, Worker, nil, append(given, "ROOMRELAY_CONFIG="+path)...)
	if err != nil || s.Window != time.Second {
		t.Errorf("ROOMRELAY_CONFIG: window %v, %v", s.Window, err)
	}
}

func TestTheDefaultsAreThoseOfTheReference(t *testing.T) {
	s, err := load(t, Worker, nil, given...)
	if err != nil {
		t.Fatal(err)
	}
	if s.Window != 100*time.Millisecond || s.MaxBatch != 10 || s.MaxInFlight != 64 || s.Rate != 90 || s.RequestTimeout != 5*time.Second ||
		s.RetryInitial != 200*time.Millisecond || s.RetryMax != 30*time.Second || s.GiveUpAfter != 5*time.Minute ||
		s.MaxBufferedEvents != 50_000 || s.MaxBufferedBytes != 64<<20 || s.MaxBodyBytes != 512<<10 || s.CommitEvery != time.Second ||
		s.SessionTimeout != 45*time.Second || s.RebalanceTimeout != 60*time.Second || s.Lease != 15*time.Second || s.DrainTimeout != 20*time.Second ||
		s.AutoOffsetReset != "earliest" || s.Ordering != "sender" || s.RoomRate != 0 || s.ResendRefusals != "letter" || !strings.HasPrefix(s.AdminAddr, "127.0.0.1:") {
		t.Errorf("%+v", s)
	}
	if len(s.Warnings) != 0 {
		t.Errorf("warnings %q", s.Warnings)
	}
}

func TestAllMistakesAreToldAtOnceWithNameSourceValueAndWhatIsTaken(t *testing.T) {
	path := file(t, "windw: 1s\ntopic: a/b\ntopic: c\nmax-batch: 11\nfresh: {a: 1}\nlease: [1s]\nbrokers: [x:1, ~]\n")
	_, err := load(t, Worker, []string{"--config", path, "--rate=fast", "--max-buffered-bytes=64"},
		"ROOMRELAY_WINDOW=1h", "ROOMRELAY_API_ENDPOINT=ftp://x", "ROOMRELAY_ORDERING=none", "ROOMRELAY_SASL_PASSWORD_FILE=/no/such")
	want := []string{
		`windw (` + path + `:1): there is no such setting; is window meant?`,
		`brokers (` + path + `:7): takes a list of texts`,
		`topic "a/b" (` + path + `:2): takes up to 249 letters`,
		`topic (` + path + `:3): is there already in line 2`,
		`group: is required: set --group, ROOMRELAY_GROUP, or group in the file`,
		`sasl-password-file "/no/such" (variable ROOMRELAY_SASL_PASSWORD_FILE): takes a file that can be read`,
		`api-endpoint "ftp://x" (variable ROOMRELAY_API_ENDPOINT): takes a URL`,
		`app-key: is required`,
		`app-secret: is required: set ROOMRELAY_APP_SECRET, or app-secret-file`,
		`rate "fast" (flag --rate): takes a number from 0 (no limit) to 100000`,
		`ordering "none" (variable ROOMRELAY_ORDERING): takes sender or room`,
		`window "1h" (variable ROOMRELAY_WINDOW): takes a duration from 0s to 1m, such as 100ms`,
		`max-batch "11" (` + path + `:4): takes a whole number from 1 to 10`,
		`max-buffered-bytes "64" (flag --max-buffered-bytes): takes a size from 64KiB to 1024GiB, such as 64MiB or 500kB`,
		`fresh (` + path + `:5): takes one value, not a mapping`,
		`lease (` + path + `:6): takes one value, not a list`,
	}
	m, ok := errors.AsType[Mistakes](err)
	if !ok || len(m) != len(want) {
		t.Fatalf("%d mistakes, want %d:\n%v", len(m), len(want), err)
	}
	for i, w := range want {
		if !strings.HasPrefix(m[i].Error(), w) {
			t.Errorf("%d: %s\nwant %s", i, m[i], w)
		}
	}
}

func TestRulesBetweenSettings(t *testing.T) {
	for _, c := range []struct{ args, name, says string }{
		{"--request-timeout=12s --drain-timeout=1m", "request-timeout", "at most a quarter of session-timeout"},
		{"--rebalance-timeout=44s", "rebalance-timeout", "takes at least session-timeout"},
		{"--rebalance-timeout=44s", "rebalance-timeout", "session-timeout is 45s (default)"},
		{"--lease=41s", "lease", "at most session-timeout less request-timeout"},
		{"--lease=5s", "lease", "at least 6s"},
		{"--drain-timeout=9s", "drain-timeout", "at least request-timeout and 5s"},
		{"--give-up-after=59s", "give-up-after", "at least twice retry-max"},
		{"--retry-initial=1m", "retry-max", "at least retry-initial"},
		{"--dead-letter-topic=chat", "dead-letter-topic", "another topic"},
		{"--topic=" + strings.Repeat("x", 246), "dead-letter-topic", "name another"},
		{"--leave-on-stop", "leave-on-stop", "only with instance-id"},
		{"--max-body-bytes=1MiB --max-buffered-bytes=64KiB", "max-body-bytes", "at most max-buffered-bytes"},
		{"--sasl-mechanism=plain", "sasl-mechanism", "needs sasl-username"},
		{"--sasl-mechanism=plain --sasl-username=u", "sasl-mechanism", "needs sasl-password"},
		{"--sasl-username=u", "sasl-username", "only with sasl-mechanism"},
		{"--sasl-mechanism=oauthbearer", "sasl-mechanism", "needs sasl-token-file"},
		{"--sasl-mechanism=oauthbearer --sasl-token-file=/no/such", "sasl-token-file", "takes a file with a token"},
		{"--sasl-mechanism=oauthbearer --sasl-token-file=/dev/null --sasl-username=u", "sasl-username", "the token says who we are"},
		{"--sasl-mechanism=plain --sasl-username=u --sasl-password=p --sasl-token-file=/dev/null", "sasl-token-file", "only with sasl-mechanism oauthbearer"},
		{"--tls-ca-file=x", "tls-ca-file", "only with tls"},
		{"--tls --tls-ca-file=/no/such", "tls-ca-file", "PEM file"},
		{"--tls --tls-cert-file=/no/such", "tls-cert-file", "needs tls-key-file"},
		{"--app-secret-file=/no/such", "app-secret", "take one of them"},
	} {
		_, err := load(t, Worker, strings.Fields(c.args), given...)
		if err == nil || !strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %s: %s", c.args, err, c.name, c.says)
		}
	}
	// The control: each of these is the last that is still taken.
	for _, args := range []string{
		"--request-timeout=11250ms", "--rebalance-timeout=45s", "--lease=40s", "--lease=6s", "--drain-timeout=10s", "--give-up-after=60s",
		"--leave-on-stop --instance-id=a", "--window=0s", "--rate=0", "--admin-addr=off", "--max-buffered-bytes=1.5GiB",
	} {
		_, err := load(t, Worker, strings.Fields(args), given...)
		if wrong := strings.Contains(args, "1.5"); (err != nil) != wrong {
			t.Errorf("%s: %v", args, err)
		}
	}
}

func TestARuleIsNotToldOfAValueThatIsWrongAlready(t *testing.T) {
	_, err := load(t, Worker, []string{"--session-timeout=soon", "--request-timeout=20s", "--drain-timeout=30s"}, given...)
	if m, _ := errors.AsType[Mistakes](err); len(m) != 1 || m[0].Name != "session-timeout" {
		t.Errorf("%v", err)
	}
}

func TestAProducerNeedsOnlyKafkaAndTheTopic(t *testing.T) {
	path := file(t, "window: nonsense\nbrokers: x:1\n")
	s, err := load(t, Producer, []string{"--config", path, "--topic=chat"}, "ROOMRELAY_WINDOW=nonsense too", "ROOMRELAY_LEASE=1ns")
	if err != nil || s.Topic != "chat" || len(s.Warnings) != 0 {
		t.Errorf("%v %q", err, s.Warnings)
	}
	_, err = load(t, Producer, nil)
	if m, _ := errors.AsType[Mistakes](err); len(m) != 2 {
		t.Errorf("%v, want brokers and topic", err)
	}
}

func TestWhatIsProbablyNotMeantIsAWarning(t *testing.T) {
	s, err := load(t, Worker, []string{"--app-secret=hush-hush", "--sasl-mechanism=plain", "--sasl-username=u", "--rate=200"},
		append(given, "ROOMRELAY_WINDWO=1s", "ROOMRELAY_XYZZY=1", "ROOMRELAY_SERVICE_HOST=10.0.0.1", "ROOMRELAY_PORT_9464_TCP=tcp://10.0.0.1:9464", "ROOMRELAY_SASL_PASSWORD=p")...)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(s.Warnings, "\n")
	for _, want := range []string{
		"variable ROOMRELAY_WINDWO is no setting; is ROOMRELAY_WINDOW meant?", "variable ROOMRELAY_XYZZY is no setting\n",
		"--app-secret shows the secret", "plain without tls", "rate is above the 100",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no warning %q in\n%s", want, got)
		}
	}
	if len(s.Warnings) != 5 || strings.Contains(got, "hush-hush") {
		t.Errorf("%q", s.Warnings)
	}
}

func TestNoSecretAppearsAnywhere(t *testing.T) {
	const app, sasl = "hush-hush-app", "hush-hush-sasl"
	broken := file(t, "topic: chat\napp-secret: "+app+"\n  x: 1\n")
	twice := file(t, "app-secret: ["+app+"]\nsasl-password: {"+sasl+": 1}\n")
	secretFile := file(t, app+"\n")
	for _, args := range [][]string{
		{"--app-secret=" + app, "--sasl-password=" + sasl, "--app-secret-file=/no/such"},
		{"--config=" + broken},
		{"--config=" + twice},
		{"--app-secret-file=" + secretFile, "--lease=1s"},
	} {
		s, err := load(t, Worker, args, given[:4]...)
		var out bytes.Buffer
		s.Print(&out)
		shown := fmt.Sprintf("%v %+v %#v %v %s", err, s, s.AppSecret, s.Warnings, out.String())
		if strings.Contains(shown, app) || strings.Contains(shown, sasl) {
			t.Errorf("%v: %s", args, shown)
		}
		if err == nil {
			t.Errorf("%v: no mistake, want to see what it says", args)
		}
	}
	s, err := load(t, Worker, []string{"--app-secret-file=" + secretFile}, given[:4]...)
	if err != nil || s.AppSecret != app || s.Source("app-secret") != "file "+secretFile {
		t.Errorf("%v from %s", err, s.Source("app-secret"))
	}
}

func TestAFileThatIsNoneIsToldSo(t *testing.T) {
	for text, says := range map[string]string{
		"- a\n":                   `takes lines such as "topic: chat"`,
		"topic: chat\n\tx: [\n":   "is no YAML",
		"topic: chat\nno colon:":  "no colon",
		"rate: 5\n---\nrate: 6\n": "takes one document",
	} {
		if _, err := load(t, Worker, []string{"--config", file(t, text)}, given...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "# nothing\n", "---\nrate: 5\n", "topic:\n", "window: &w 1s\nretry-max: 30s\n"} {
		if _, err := load(t, Worker, []string{"--config", file(t, text)}, given...); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, path := range []string{"/no/such.yaml", t.TempDir()} {
		if _, err := load(t, Worker, []string{"--config", path}, given...); err == nil || !strings.Contains(err.Error(), "takes a file that can be read: ") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSizesAreReadAndWritten(t *testing.T) {
	n := 0
	v := size{&n, 0, 1 << 40}
	for text, want := range map[string]int{"64MiB": 64 << 20, "1 KiB": 1024, "500kB": 500_000, "7": 7, "7B": 7, "2GB": 2e9, "1GiB": 1 << 30, "0": 0} {
		if err := v.set(text); err != nil || n != want {
			t.Errorf("%s: %d %v", text, n, err)
			continue
		}
		if err := v.set(v.String()); err != nil || n != want {
			t.Errorf("%s comes back from %s as %d %v", text, v, n, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "9999999999GiB", "1TB", "0x10"} {
		if err := v.set(text); err == nil {
			t.Errorf("%q is taken as %d", text, n)
		}
	}
}
