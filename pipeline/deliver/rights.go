package deliver

import (
	"context"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// As is with whose rights something is done.
type As struct {
	// Name is an account, which must have this UID and GID; its groups are taken on too. ""
	// takes UID and GID alone.
	Name     string
	UID, GID int
}

// Kind is the part of the configuration that asks for a command. What may run depends on it.
type Kind uint8

// The kinds of commands. ByService is one of master.cf (pipe, spawn): user=, chroot= and the
// program are the service's, whatever the Command says. The others are local's.
const (
	ByService Kind = iota + 1
	ByMailboxCommand
	ByAlias
	ByForward
	ByInclude
)

// Command is a command that takes one message.
type Command struct {
	Kind Kind
	// Service is the name of the service in master.cf that runs it.
	Service string
	// As is not asked for a command ByService when another process starts it: that one reads
	// user= itself.
	As As
	// Argv are the arguments; the first is the program.
	Argv []string
	// Env is the whole environment ("NAME=value").
	Env []string
	// Directory is where it starts, Chroot its root; Chroot is for commands ByService alone.
	Directory, Chroot string
	// Feed writes the message to the command. What cannot be written is not its error: a
	// command may end without reading. An error kills the command before its standard input
	// ends, so that it never takes half a message for a whole one.
	Feed func(w io.Writer) error
}

// OutputLimit is how many bytes of a command's output are kept; what it writes beyond is read and
// forgotten.
const OutputLimit = 4096

// Ended is how a command ended.
type Ended struct {
	Status syscall.WaitStatus
	// Output is the beginning of what it wrote, at most OutputLimit bytes, as it was.
	Output []byte
}

// Runner runs commands with the rights of others. Safe for concurrent use.
type Runner interface {
	// Run starts a command, feeds it and waits for its end. When ctx is done first, the command
	// and all it started in its process group are killed, and Ended tells of a signal: it is the
	// caller's to ask context.Cause. An error says that the command did not run (with a
	// syscall.Errno where the system says why), that Feed failed, or that its end is unknown.
	Run(ctx context.Context, c *Command) (Ended, error)
}

// Starter starts commands of services that talk over a connection. Safe for concurrent use.
type Starter interface {
	// Start starts a command ByService with conn as its standard input, output and error; conn
	// stays the caller's, and Feed is not asked. The caller must call Wait.
	Start(c *Command, conn *os.File, limit time.Duration) (Process, error)
}

// File is a file that was read.
type File struct {
	Data []byte
	Mode fs.FileMode
	UID  int
	// Links is how many names it has.
	Links int
}

// Files reads files with the rights of others. Safe for concurrent use.
type Files interface {
	// ReadFile reads a regular file of at most limit bytes (≤ 8 MiB) below the absolute
	// directory dir; name is relative and leads out of it by no ".." or symbolic link. The
	// error is fs.ErrNotExist when there is none, else something that may pass.
	ReadFile(ctx context.Context, as As, dir, name string, limit int64) (File, error)
}
