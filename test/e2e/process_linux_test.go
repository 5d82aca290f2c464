//go:build e2e

package e2e

import "syscall"

// ownGroup keeps a terminal's Ctrl-C from the process, which the run ends itself, and lets the kernel end
// it when the run is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
