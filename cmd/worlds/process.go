package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// process is a test process that plays an order, and what it has told so far.
type process struct {
	cmd    *exec.Cmd
	output output
	file   *os.File // its reports
	part   []byte   // of a line that isn't whole yet
	ended  chan struct{}
	err    error // of the process, once it has ended
}

// dumpTime is how long a process that is asked where its goroutines are may take to say it.
const dumpTime = 10 * time.Second

// launch starts the process. Its reports go to a file of its own in reports.
func launch(command func(args ...string) *exec.Cmd, dir, reports string, o order) (*process, error) {
	file, err := os.CreateTemp(reports, "reports-*")
	if err != nil {
		return nil, fmt.Errorf("making a file for reports: %w", err)
	}
	x := &process{file: file, ended: make(chan struct{})}
	x.cmd = command(append(o.args(), "-report", file.Name())...)
	x.cmd.Dir = dir
	x.cmd.Stdout, x.cmd.Stderr = &x.output, &x.output
	alone(x.cmd)
	if err := x.cmd.Start(); err != nil {
		x.discard()
		return nil, fmt.Errorf("starting a test process: %w", err)
	}
	go func() {
		x.err = x.cmd.Wait()
		close(x.ended)
	}()
	return x, nil
}

// news are the reports that have come since the last time.
func (x *process) news() ([]report, error) {
	more, err := io.ReadAll(x.file)
	if err != nil {
		return nil, fmt.Errorf("reading reports: %w", err)
	}
	x.part = append(x.part, more...)
	var all []report
	for {
		line, rest, whole := bytes.Cut(x.part, []byte("\n"))
		if !whole {
			return all, nil
		}
		x.part = rest
		r, err := readReport(line)
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
}

// dump ends the process and has it say before where its goroutines are.
func (x *process) dump() {
	_ = x.cmd.Process.Signal(syscall.SIGQUIT) // it fails if the process has ended meanwhile
	select {
	case <-x.ended:
	case <-time.After(dumpTime):
	}
}

// end ends the process, if it hasn't yet, and leaves nothing behind.
func (x *process) end() {
	_ = x.cmd.Process.Kill() // likewise
	<-x.ended
	x.discard()
}

func (x *process) discard() {
	_ = x.file.Close()
	_ = os.Remove(x.file.Name())
}

func (x *process) over() bool {
	select {
	case <-x.ended:
		return true
	default:
		return false
	}
}

// orderly says that the process ended as tests do, whether or not they passed. It must have ended.
func (x *process) orderly() bool {
	if x.err == nil {
		return true
	}
	exit, ok := errors.AsType[*exec.ExitError](x.err)
	return ok && exit.ExitCode() == 1
}
