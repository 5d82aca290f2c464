//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// process is a program that runs.
type process struct {
	name string
	cmd  *exec.Cmd
	out  string // file with what it says
	done chan struct{}
}

// startProcess starts a program. It is killed at the end of the test at the latest.
func startProcess(t testing.TB, name string, env []string, path string, args ...string) *process {
	t.Helper()
	out := filepath.Join(run.dir, name+".log")
	file, err := os.Create(out)
	if err != nil {
		t.Fatalf("making the log of %s: %v", name, err)
	}
	defer file.Close()
	p := &process{name: name, cmd: exec.Command(path, args...), out: out, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, file, file
	p.cmd.SysProcAttr = ownGroup()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	run.mu.Lock()
	run.running[p] = struct{}{}
	run.mu.Unlock()
	go func() {
		_ = p.cmd.Wait() // the code is read from the process state
		run.mu.Lock()
		delete(run.running, p)
		run.mu.Unlock()
		close(p.done)
	}()
	t.Cleanup(p.kill)
	return p
}

// signal sends a signal to a process that may have ended.
func (p *process) signal(s syscall.Signal) {
	// What could fail is only that it has ended, which whoever waits for it sees.
	_ = p.cmd.Process.Signal(s)
}

// kill ends it as kill -9 does, and waits until it has ended.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// running says that it hasn't ended.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// terminate sends SIGTERM and gives the exit code; a process that goes on for longer than limit fails the test.
func (p *process) terminate(t testing.TB, limit time.Duration) (code int) {
	t.Helper()
	p.signal(syscall.SIGTERM)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-timer.C:
		t.Errorf("%s goes on %v after SIGTERM; its last words:\n%s", p.name, limit, p.lastWords())
		p.kill()
		return -1
	}
}

// line is one of a JSON log.
type line struct {
	Time    time.Time `json:"time"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
	Addr    string    `json:"addr"`
	raw     string
}

// lines is what it has logged so far.
func (p *process) lines() []line {
	text, err := os.ReadFile(p.out)
	if err != nil {
		return nil // the run is being cleaned up
	}
	var all []line
	for raw := range bytes.Lines(text) {
		l := line{raw: string(raw)}
		if json.Unmarshal(raw, &l) == nil {
			all = append(all, l)
		}
	}
	return all
}

// logged gives the first line with that message after a moment.
func (p *process) logged(message string, after time.Time) (line, bool) {
	for _, l := range p.lines() {
		if l.Message == message && l.Time.After(after) {
			return l, true
		}
	}
	return line{}, false
}

// lastWords are the last lines of its log.
func (p *process) lastWords() string {
	text, err := os.ReadFile(p.out)
	if err != nil {
		return err.Error()
	}
	return last(text)
}

// last are the last lines of a log.
func last(text []byte) string {
	const lines = 15
	all := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// ended is the error of a process that ended by itself.
func (p *process) ended() error {
	if p.running() {
		return nil
	}
	return fmt.Errorf("%s ended (%s): %w", p.name, p.cmd.ProcessState, errors.New(p.lastWords()))
}

// freeze lets it stand still.
func (p *process) freeze() { p.signal(syscall.SIGSTOP) }

// thaw lets it go on.
func (p *process) thaw() { p.signal(syscall.SIGCONT) }
