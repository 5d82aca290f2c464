//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// leave makes a container, which isn't started, that bears a run's label.
func leave(t *testing.T, id string) {
	t.Helper()
	image := os.Getenv(envImage)
	if image == "" {
		image = defaultImage
	}
	_, err := run.engine.client.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Config: &container.Config{Image: image, Labels: map[string]string{labelRun: id}},
	})
	if err != nil {
		t.Fatalf("making a container: %v", err)
	}
}

func TestWhatAKilledRunLeftIsRemovedByTheNextOne(t *testing.T) {
	if external() != nil {
		t.Skip("there are no containers")
	}
	clusterOf(t, 1) // the image is there, then
	dead := exec.Command("go", "version")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	const goesOn = 1 // no run has it, but there always is such a process
	killed, alive := idOf(dead.Process.Pid), idOf(goesOn)
	leave(t, killed)
	leave(t, alive)
	if err := run.engine.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{killed: 0, alive: 1} {
		if n, err := run.engine.count(t.Context(), id); err != nil || n != want {
			t.Errorf("containers of %s: %d, want %d (%v)", id, n, want, err)
		}
	}
	if err := run.engine.removeRun(t.Context(), alive); err != nil {
		t.Error(err)
	}
}

// envInterrupted lets the run of the test below start brokers and wait to be interrupted.
const envInterrupted = "ROOMRELAY_TEST_INTERRUPTED"

func TestAnInterruptedRunLeavesNothing(t *testing.T) {
	if external() != nil {
		t.Skip("there are no containers")
	}
	if os.Getenv(envInterrupted) != "" {
		clusterOf(t, 1)
		t.Logf("waiting in run %s", run.id)
		wait(t, time.Minute)
		t.Fatal("nobody interrupted the run")
	}
	var out safeBuffer
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=5m")
	c.Env = append(os.Environ(), envInterrupted+"=1", envKeep+"=")
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	waiting := regexp.MustCompile(`waiting in run (\S+)`)
	poll(t, 2*time.Minute, "the run has started a broker", func() (bool, string) {
		return waiting.MatchString(out.String()), out.String()
	})
	id := waiting.FindStringSubmatch(out.String())[1]
	if n, err := run.engine.count(t.Context(), id); err != nil || n != 1 {
		t.Fatalf("containers of the run before it is interrupted: %d (%v)", n, err)
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := c.Wait()
	const interrupted = 130
	if x, ok := errors.AsType[*exec.ExitError](err); !ok || x.ExitCode() != interrupted {
		t.Errorf("the run ended with %v, and said:\n%s", err, out.String())
	}
	if n, err := run.engine.count(t.Context(), id); err != nil || n != 0 {
		t.Errorf("containers of the run after it was interrupted: %d (%v)", n, err)
	}
}

// safeBuffer may be read while it is written.
type safeBuffer struct {
	mu  sync.Mutex // of buf
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
