package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const canPin = true

// pinned calls start with the thread on these cores, so that the process that it starts begins there: Go takes
// the number of its processors from that. nil: on any.
func pinned(cores []int, start func() error) error {
	if cores == nil {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var was, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &was); err != nil {
		return fmt.Errorf("asking for this thread's cores: %w", err)
	}
	for _, c := range cores {
		set.Set(c)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("keeping a process on cores %v: %w", cores, err)
	}
	defer func() { _ = unix.SchedSetaffinity(0, &was) }() // it was so before
	return start()
}

// attributes keep a terminal's Ctrl-C from a process, and end it when bench is killed.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// jiffy is the unit of /proc/stat on every Linux that Go knows.
const jiffy = 10 * time.Millisecond

// coresBusy is how long each core has worked; nil: not known.
func coresBusy() (all []time.Duration) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 9 || !strings.HasPrefix(f[0], "cpu") || f[0] == "cpu" {
			continue
		}
		var sum int64
		for i, v := range f[1:9] {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return nil
			}
			if i != 3 && i != 4 { // idle, and waiting for a disk
				sum += n
			}
		}
		all = append(all, time.Duration(sum)*jiffy)
	}
	return all
}

// cpuOf is how long a process has worked; 0 if it has ended.
func cpuOf(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(text, []byte(") "))
	f := strings.Fields(string(rest))
	if !ok || len(f) < 13 {
		return 0
	}
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * jiffy
}

// peakOf is the most memory that a process had at any time, in bytes; 0: not known. The rusage of an ended
// process would not do: it counts the memory of the process that it was forked from.
func peakOf(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	kb, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}
