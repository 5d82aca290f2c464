package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// child is a process of a run. What it says on its output comes line by line; what it complains of is kept.
type child struct {
	name  string
	cmd   *exec.Cmd
	input io.Closer // its end tells a role to end
	lines chan []byte
	errs  tail
	done  chan struct{}
}

// launch starts a program on the cores. It runs until it is ended, at the latest by close.
func launch(w *watch, name string, cores []int, env []string, path string, args ...string) (*child, error) {
	c := &child{name: name, cmd: exec.Command(path, args...), lines: make(chan []byte, 64), done: make(chan struct{})}
	c.cmd.Env, c.cmd.Stderr, c.cmd.SysProcAttr = env, &c.errs, attributes()
	var err error
	if c.input, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("preparing %s: %w", name, err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("preparing %s: %w", name, err)
	}
	if err := pinned(cores, c.cmd.Start); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	w.follow(c.cmd.Process.Pid)
	go func() {
		in := bufio.NewScanner(out)
		for in.Scan() {
			c.lines <- bytes.Clone(in.Bytes())
		}
		close(c.lines)
		_ = c.cmd.Wait() // its code is read from the process state
		close(c.done)
	}()
	return c, nil
}

// launchRole starts this program in another role.
func launchRole(w *watch, name string, cores []int, config any) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("writing the config of %s: %w", name, err)
	}
	return launch(w, name, cores, os.Environ(), self, roleCommand, name, string(text))
}

// hear waits for the next line that a role says.
func hear[T any](ctx context.Context, c *child) (said T, err error) {
	select {
	case line, ok := <-c.lines:
		if !ok {
			<-c.done
			return said, c.ended()
		}
		if err := json.Unmarshal(line, &said); err != nil {
			return said, fmt.Errorf("%s said %q: %w", c.name, line, err)
		}
		return said, nil
	case <-ctx.Done():
		return said, context.Cause(ctx)
	}
}

var errEnded = errors.New("it ended by itself")

// ended is the error of a process that has ended though it shouldn't have; nil: it goes on.
func (c *child) ended() error {
	select {
	case <-c.done:
		return fmt.Errorf("%s: %w (%s), and said last: %s", c.name, errEnded, c.cmd.ProcessState, c.errs.text())
	default:
		return nil
	}
}

// stop asks it to end, and ends it if it doesn't within limit.
func (c *child) stop(limit time.Duration) {
	c.input.Close()
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it has ended, or will be killed
	select {
	case <-c.done:
	case <-time.After(limit):
		c.kill()
	}
}

// kill ends it at once.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it has ended
	<-c.done
}

// worked is how long an ended process had the processor.
func (c *child) worked() time.Duration {
	return c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
}
