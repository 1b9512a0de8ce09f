package pipe

import (
	"math"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// start starts a command with the umask 077, as Postfix does. The umask belongs to the process, not
// to a thread, and others of mtad's threads make files meanwhile; so the command is started by a
// thread with a umask of its own (unshare(2), CLONE_FS), which ends with its goroutine because it
// stays locked.
func start(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
			started <- err
			return
		}
		syscall.Umask(0o077)
		// What mtad opens closes by itself when a command starts; this is for what mtad's own
		// starter left open. A kernel before 5.11 does not know it.
		_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
		started <- cmd.Start()
	}()
	return <-started
}
