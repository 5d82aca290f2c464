//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// settings of a worker, by the names of its flags.
type settings map[string]string

// with gives the settings with others in place of its own.
func (s settings) with(others settings) settings {
	all := settings{}
	maps.Copy(all, s)
	maps.Copy(all, others)
	return all
}

// quick are the time-outs that tests use where workers die: as short as the rules between settings allow.
// Session and lease decide how long a dead worker's partitions stand still. Brokers that weren't set up
// for tests take no session below 6 s.
func quick() settings {
	s := settings{
		"session-timeout": "2s", "rebalance-timeout": "4s", "request-timeout": "500ms", "lease": "1400ms",
		"drain-timeout": "6s", "retry-initial": "50ms", "retry-max": "1s", "give-up-after": "2m", "commit-every": "200ms",
	}
	if external() != nil {
		s = s.with(settings{"session-timeout": "6s", "rebalance-timeout": "8s", "lease": "5s"})
	}
	return s
}

// sum is that of some of its times.
func (s settings) sum(t testing.TB, names ...string) (sum time.Duration) {
	t.Helper()
	for _, name := range names {
		d, err := time.ParseDuration(s[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sum += d
	}
	return sum
}

// longer is what quick's session takes longer on brokers that weren't set up for tests.
func longer() time.Duration {
	if external() != nil {
		return 4 * time.Second
	}
	return 0
}

// patient are time-outs for tests that demand that a worker has nothing to tell: a heartbeat that a busy machine
// answers late is no news of what these tests are about, and what they are about (a connection that the broker
// ends, a login refused) comes as an error and not as a late answer.
func patient() settings {
	return quick().with(settings{
		"session-timeout": "12s", "rebalance-timeout": "12s", "request-timeout": "3s", "lease": "8s", "drain-timeout": "8s",
	})
}

// worker is the program under test.
type worker struct {
	*process
	began time.Time
	admin string // its address; found in the log when first needed
}

// started counts the processes of a run, so that each has a log of its own.
var started atomic.Int64

// startWorker starts the program with the settings. It isn't ready yet.
func startWorker(t testing.TB, name string, s settings) *worker {
	t.Helper()
	name = fmt.Sprintf("%s-%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), name, started.Add(1))
	w := &worker{began: time.Now(), process: startProcess(t, name, environment(s), program("roomrelay"), "worker")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("last words of %s:\n%s", w.name, w.lastWords())
		}
	})
	return w
}

// environment are the settings as variables.
func environment(s settings) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "ROOMRELAY_ADMIN_ADDR=127.0.0.1:0"}
	for k, v := range s {
		env = append(env, "ROOMRELAY_"+strings.ToUpper(strings.ReplaceAll(k, "-", "_"))+"="+v)
	}
	slices.Sort(env)
	return env
}

// ask gets a page of its admin server; "" if it has none yet.
func (w *worker) ask(path string) (status int, text string) {
	if w.admin == "" {
		l, ok := w.logged("admin server listens", time.Time{})
		if !ok {
			return 0, "it doesn't listen yet"
		}
		w.admin = l.Addr
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.admin+path, http.NoBody)
	if err != nil {
		return 0, err.Error()
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error()
	}
	return answer.StatusCode, strings.TrimSpace(string(body))
}

// ready waits until the worker says that it is.
func (w *worker) ready(t testing.TB, limit time.Duration) {
	t.Helper()
	poll(t, limit, w.name+" is ready", func() (bool, string) {
		if err := w.ended(); err != nil {
			t.Fatal(err)
		}
		status, text := w.ask("/readyz")
		return status == http.StatusOK, text
	})
}

// metric is the sum of the worker's metric over its labels; -1 if it can't be asked.
func (w *worker) metric(name string) float64 {
	status, text := w.ask("/metrics")
	if status != http.StatusOK {
		return -1
	}
	sum := 0.0
	for in := bufio.NewScanner(strings.NewReader(text)); in.Scan(); {
		rest, ok := strings.CutPrefix(in.Text(), "roomrelay_"+name)
		if !ok || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		if x, err := strconv.ParseFloat(rest[strings.LastIndexByte(rest, ' ')+1:], 64); err == nil {
			sum += x
		}
	}
	return sum
}
