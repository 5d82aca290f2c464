//go:build !linux

package main

import (
	"syscall"
	"time"
)

// On these systems processes can't be kept on cores, and neither cores nor a running process's memory be asked
// for: the report says so.
const canPin = false

func pinned(_ []int, start func() error) error { return start() }

func attributes() *syscall.SysProcAttr { return nil }

func coresBusy() []time.Duration { return nil }

func cpuOf(int) time.Duration { return 0 }

func peakOf(int) int64 { return 0 }
