package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/spawn"
)

// Self runs commands and reads files with the rights of this process; only as root can it take on
// those of others. It is what a mail system does that was not started by root.
type Self struct{}

var (
	_ Runner  = Self{}
	_ Starter = Self{}
	_ Files   = Self{}
)

// Run runs a command.
func (Self) Run(ctx context.Context, c *Command) (Ended, error) {
	return Converse(ctx, c, func(stdin, output, _ *os.File) (Process, error) { return start(c, stdin, output) })
}

// Start starts a command that talks over a connection. The limit is the caller's to keep.
func (Self) Start(c *Command, conn *os.File, _ time.Duration) (Process, error) {
	return start(c, conn, conn)
}

func start(c *Command, stdin, output *os.File) (Process, error) {
	path, err := spawn.Find(c.Argv[0])
	if err != nil {
		return nil, err
	}
	s := &spawn.Command{Path: path, Argv: c.Argv, Env: c.Env, Directory: c.Directory, Chroot: c.Chroot, Stdin: stdin, Output: output}
	if os.Geteuid() == 0 {
		s.Rights = &spawn.Rights{UID: uint32(c.As.UID), GID: uint32(c.As.GID)}
	} else if c.As.UID != os.Geteuid() {
		return nil, fmt.Errorf("uid %d cannot become uid %d: %w", os.Geteuid(), c.As.UID, syscall.EPERM)
	}
	return spawn.Start(s)
}

// ErrFile is the cause of an error about a file that ReadFile does not read: no regular file, or too large.
var ErrFile = errors.New("not a regular file, or too large")

// ReadFile reads a file.
func (Self) ReadFile(_ context.Context, _ As, dir, name string, limit int64) (f File, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return f, err
	}
	defer root.Close()
	// Non-blocking: a FIFO in the file's place must not stop the agent.
	in, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return f, err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return f, err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || !st.Mode().IsRegular() || st.Size() > limit {
		return f, &os.PathError{Op: "read", Path: name, Err: ErrFile}
	}
	f = File{Mode: st.Mode(), UID: int(sys.Uid), Links: int(sys.Nlink)}
	f.Data, err = io.ReadAll(io.LimitReader(in, limit+1))
	if int64(len(f.Data)) > limit {
		return f, &os.PathError{Op: "read", Path: name, Err: ErrFile}
	}
	return f, err
}

// OwnerOf returns the uid of a file, -1 where the system does not say.
func OwnerOf(st fs.FileInfo) int {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(sys.Uid)
	}
	return -1
}

// IsDirectory reports whether path is a directory that this process can see.
func IsDirectory(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
