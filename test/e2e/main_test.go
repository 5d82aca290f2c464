//go:build e2e

package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What a run takes from its surroundings.
const (
	envImage   = "ROOMRELAY_TEST_KAFKA_IMAGE"
	envBrokers = "ROOMRELAY_TEST_BROKERS"
	envKeep    = "ROOMRELAY_TEST_KEEP"

	defaultImage = "apache/kafka:4.3.1"
)

// run is what all tests of this process share.
var run = struct {
	id   string
	dir  string          // of built programs and logs
	keep bool            // dir stays
	ctx  context.Context // ends when the run is interrupted

	mu       sync.Mutex // of the fields below
	engine   *engine
	clusters map[int]*cluster // by number of brokers
	fortress *fortress
	running  map[*process]struct{}
}{clusters: map[int]*cluster{}, running: map[*process]struct{}{}}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := within(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// within runs the tests between a sweep and the removal of all that they left.
func within(m *testing.M) (code int, err error) {
	run.id = idOf(os.Getpid())
	if run.dir = os.Getenv(envKeep); run.dir != "" {
		run.keep = true
	} else if run.dir, err = os.MkdirTemp("", "roomrelay-e2e-"); err != nil {
		return 0, fmt.Errorf("making a folder for programs and logs: %w", err)
	}
	ctx, end := context.WithCancel(context.Background())
	defer end()
	run.ctx = ctx
	if err := prepare(ctx); err != nil {
		return 0, err
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupts
		end()
		fmt.Fprintln(os.Stderr, "e2e: interrupted, removing what was started")
		if err := cleanUp(); err != nil {
			fmt.Fprintln(os.Stderr, "e2e:", err)
		}
		const interrupted = 128 + int(syscall.SIGINT)
		os.Exit(interrupted)
	}()
	defer outlast()()
	code = m.Run()
	return code, cleanUp()
}

// outlast removes everything shortly before the test's own time-out ends the process without a warning.
func outlast() (stop func()) {
	limit, err := time.ParseDuration(flag.Lookup("test.timeout").Value.String())
	if err != nil || limit <= 0 {
		return func() {}
	}
	const needed = 20 * time.Second
	timer := time.AfterFunc(max(limit-needed, limit/2), func() {
		fmt.Fprintln(os.Stderr, "e2e: the time is up, removing what was started:", cleanUp())
	})
	return func() { timer.Stop() }
}

// prepare checks what is needed, and makes it.
func prepare(ctx context.Context) error {
	if os.Getenv(envBrokers) == "" {
		e, err := newEngine(ctx)
		if err != nil {
			return fmt.Errorf("no Docker engine answers (%w); start one, or name a running cluster in %s", err, envBrokers)
		}
		run.engine = e
		if err := e.sweep(ctx); err != nil {
			return fmt.Errorf("removing what an earlier run left: %w", err)
		}
	}
	return build(ctx)
}

// build builds the programs under test.
func build(ctx context.Context) error {
	if err := os.MkdirAll(run.dir, 0o755); err != nil {
		return fmt.Errorf("making a folder for programs and logs: %w", err)
	}
	c := exec.CommandContext(ctx, "go", "build", "-o", run.dir+string(filepath.Separator), "./cmd/roomrelay", "./cmd/imsim", "./cmd/demo")
	c.Dir = root
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return nil
}

// root is the module's folder, seen from that of the tests.
const root = "../.."

func program(name string) string { return filepath.Join(run.dir, name) }

// cleanUp ends all processes and removes all containers of this run.
func cleanUp() error {
	run.mu.Lock()
	for p := range run.running {
		_ = p.cmd.Process.Kill()
	}
	e := run.engine
	run.mu.Unlock()
	var err error
	if e != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if run.keep {
			err = keepLogs(ctx)
		}
		err = errors.Join(err, e.removeRun(ctx, run.id))
	}
	if !run.keep {
		err = errors.Join(err, os.RemoveAll(run.dir))
	}
	return err
}

// keepLogs writes to files what the brokers have said.
func keepLogs(ctx context.Context) (err error) {
	run.mu.Lock()
	defer run.mu.Unlock()
	clusters := slices.Collect(maps.Values(run.clusters))
	if run.fortress != nil {
		clusters = append(clusters, run.fortress.cluster)
	}
	for _, c := range clusters {
		for _, b := range c.brokers {
			err = errors.Join(err, b.keepLog(ctx))
		}
	}
	return err
}

// poll asks again and again until done says yes, and fails the test when limit has passed; what it was
// about is told with the last thing that done said.
func poll(t testing.TB, limit time.Duration, about string, done func() (bool, string)) {
	t.Helper()
	const every = 20 * time.Millisecond
	end, tick := time.NewTimer(limit), time.NewTicker(every)
	defer end.Stop()
	defer tick.Stop()
	for {
		ok, said := done()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("%s: not within %v: %s", about, limit, said)
		case <-t.Context().Done():
			t.Fatalf("%s: the test has ended: %s", about, said)
		}
	}
}

// wait lets time pass.
func wait(t testing.TB, d time.Duration) {
	t.Helper()
	if !waitFor(t.Context(), d) {
		t.Fatal("the test has ended")
	}
}

// waitFor lets time pass; false: ctx ended before that.
func waitFor(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// external are the brokers of a cluster that runs already; nil: there is none.
func external() []string {
	if list := os.Getenv(envBrokers); list != "" {
		return strings.Split(list, ",")
	}
	return nil
}
