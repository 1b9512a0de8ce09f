package spawn

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// DefaultPath is PATH of a program whose surroundings name none, and where Find looks.
const DefaultPath = "/usr/bin:/bin"

// Rights are those that a program gets.
type Rights struct {
	UID, GID uint32
	// Groups are all its supplementary groups; GID alone when empty.
	Groups []uint32
}

// Command is a program to start. Start keeps nothing of it.
type Command struct {
	// Path is the file; Argv its arguments, the first being the name it is called by; Env its
	// whole environment ("NAME=value").
	Path string
	Argv []string
	Env  []string
	// Directory is where it starts, Chroot its root directory; "" for this process's own.
	Directory, Chroot string
	// Rights are taken on before it runs; nil leaves those of this process.
	Rights *Rights
	// Stdin is its standard input, Output its standard output and standard error; nil is
	// /dev/null. Extra are its files 3, 4, …. All stay the caller's to close.
	Stdin, Output *os.File
	Stderr        *os.File // instead of Output, if not nil
	Extra         []*os.File
	// Confined takes away for good what a program could gain by a file that is setuid or has
	// capabilities, and the capability bounding set where this process may (Linux only).
	Confined bool
}

// Process is a program that runs. Safe for concurrent use.
type Process struct {
	p *os.Process

	mu    sync.Mutex
	ended bool // the number may belong to another process from now on
}

// Start starts a program. The caller must call Wait.
func Start(c *Command) (*Process, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	or := func(f, fallback *os.File) *os.File {
		if f == nil {
			return fallback
		}
		return f
	}
	out := or(c.Output, null)
	attr := &os.ProcAttr{Dir: c.Directory, Env: c.Env, Files: append([]*os.File{or(c.Stdin, null), out, or(c.Stderr, out)}, c.Extra...),
		Sys: &syscall.SysProcAttr{Setsid: true, Chroot: c.Chroot}}
	if c.Env == nil {
		attr.Env = []string{} // nil would be this process's
	}
	if r := c.Rights; r != nil {
		groups := r.Groups
		if len(groups) == 0 {
			groups = []uint32{r.GID}
		}
		attr.Sys.Credential = &syscall.Credential{Uid: r.UID, Gid: r.GID, Groups: groups}
	}
	p, err := start(c, attr)
	if err != nil {
		return nil, err
	}
	return &Process{p: p}, nil
}

// PID is the number of the process; it leads a process group of that number.
func (p *Process) PID() int { return p.p.Pid }

// Wait returns how the program ended. It is called once.
func (p *Process) Wait() (syscall.WaitStatus, error) {
	awaitEnd(p.p.Pid)
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	st, err := p.p.Wait()
	if err != nil {
		return 0, err
	}
	end, ok := st.Sys().(syscall.WaitStatus)
	if !ok {
		return 0, errors.New("the system does not say how the program ended")
	}
	return end, nil
}

// Kill ends the program and whatever of its process group lives, at once.
func (p *Process) Kill() { p.Signal(-p.p.Pid, syscall.SIGKILL) }

// Signal sends s to pid, which is PID() or, for the process group, its negative; nothing once the
// program has ended.
func (p *Process) Signal(pid int, s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		_ = syscall.Kill(pid, s) // it may have gone: then there is nothing to do
	}
}

// Find finds a program that is named without a directory in DefaultPath, as execvp(3) does.
func Find(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for dir := range strings.SplitSeq(DefaultPath, ":") {
		path := filepath.Join(dir, name)
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", &exec.Error{Name: name, Err: syscall.ENOENT}
}
