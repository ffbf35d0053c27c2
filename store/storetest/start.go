package storetest

import (
	"os/exec"
	"runtime"
)

// startLocked starts a command from a thread of its own that lasts as long as
// the process: the kernel's signal on the parent's death is sent when the
// thread that started the child ends.
func startLocked(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- cmd.Start()
		select {}
	}()
	return <-started
}
