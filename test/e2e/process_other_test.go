//go:build e2e && !linux

package e2e

import "syscall"

// ownGroup keeps a terminal's Ctrl-C from the process, which the run ends itself.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
