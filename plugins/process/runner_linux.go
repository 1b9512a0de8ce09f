package process

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// live starts the program, waits for its end, and ends what it leaves behind.
func (r *run) live(theirs [2]*os.File) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	r.mu.Lock()
	err := r.cmd.Start()
	r.mu.Unlock()
	for _, f := range theirs {
		f.Close()
	}
	if err == nil {
		if err = r.restrict(); err != nil {
			_ = r.Kill(context.Background())
		}
	}
	if r.started <- err; r.cmd.Process == nil {
		r.stdout.Close()
		r.stderr.Close()
		return
	}
	// It stays a zombie until its group is killed, so that the number of the group is nobody else's.
	for unix.Waitid(unix.P_PID, r.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	r.mu.Lock()
	_ = killGroup(r.cmd.Process)
	err = r.cmd.Wait()
	r.reaped = true
	r.mu.Unlock()
	r.finish(err)
}

// restrict sets the limits of the program: no core files, which have mail in them, and its memory.
// RLIMIT_DATA counts what the program can write to, not what it merely reserves as RLIMIT_AS does.
func (r *run) restrict() error {
	pid := r.cmd.Process.Pid
	if err := unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil); err != nil {
		return fmt.Errorf("core file limit: %w", err)
	}
	if r.memory > 0 {
		limit := unix.Rlimit{Cur: uint64(r.memory), Max: uint64(r.memory)}
		if err := unix.Prlimit(pid, unix.RLIMIT_DATA, &limit, nil); err != nil {
			return fmt.Errorf("memory limit: %w", err)
		}
	}
	return nil
}

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// mine reports whether the program, or a process of its group, listens at the other end of a socket.
func (r *run) mine(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var failed error
	if err = raw.Control(func(fd uintptr) { peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if group, err := unix.Getpgid(int(peer.Pid)); err != nil || group != r.pid() {
		return fmt.Errorf("process %d listens on its socket, which it did not start", peer.Pid)
	}
	return nil
}
