package spawn

import (
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// start starts a program from a thread that is changed for it: the umask belongs to the process and
// not to a thread unless they are parted (unshare(2), CLONE_FS), and others of this process's
// threads make files meanwhile. The thread stays locked, so it ends with its goroutine.
func start(c *Command, attr *os.ProcAttr) (*os.Process, error) {
	type result struct {
		p   *os.Process
		err error
	}
	started := make(chan result)
	go func() {
		runtime.LockOSThread()
		if err := prepareThread(c.Confined); err != nil {
			started <- result{nil, err}
			return
		}
		p, err := os.StartProcess(c.Path, c.Argv, attr)
		started <- result{p, err}
	}()
	r := <-started
	return r.p, r.err
}

func prepareThread(confined bool) error {
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
		return &os.SyscallError{Syscall: "unshare", Err: err}
	}
	syscall.Umask(0o077)
	// What this process opens closes by itself when a program starts; this is for what its own
	// starter left open. A kernel before 5.11 does not know it.
	_ = unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if !confined {
		return nil
	}
	// Without CAP_SETPCAP the bounding set stays; no_new_privs makes it useless all the same.
	for c := range uintptr(unix.CAP_LAST_CAP + 1) {
		_ = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return &os.SyscallError{Syscall: "prctl", Err: err}
	}
	return nil
}

// awaitEnd returns when the process has ended and is not yet forgotten.
func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}
