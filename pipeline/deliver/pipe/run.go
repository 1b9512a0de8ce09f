package pipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

// drainTime is how long the output of a command is waited for once it has ended: programs that it
// left in the background may hold the pipe open for ever.
const drainTime = 2 * time.Second

// errTime is the cause of a context whose command had its time.
var errTime = errors.New("command_time_limit")

// job is one run of the command.
type job struct {
	args []string
	head []byte
	text mail.Content
	r    rights
}

// run runs the command and returns its cleaned output; err is nil for a delivery.
func (a *Agent) run(ctx context.Context, j job) (said string, err error) {
	path, err := executable(j.args[0])
	if err != nil {
		return "", notStarted(err)
	}
	ctx, stop := context.WithTimeoutCause(ctx, a.o.TimeLimit, errTime)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var out output
	cmd := exec.CommandContext(ctx, path)
	cmd.Args, cmd.Env, cmd.Dir = j.args, a.o.Environment, a.directory()
	cmd.Stdout, cmd.Stderr = &out, &out // the same value: one pipe, one writer
	cmd.WaitDelay = drainTime
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Chroot: a.o.Command.chroot, Credential: j.r.credential()}
	// The command leads a process group of its own: nothing that it started outlives its time.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", notStarted(err)
	}
	if err := start(cmd); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", notStarted(err)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		a.feed(stdin, j, cancel)
	}()
	// An error of Wait says nothing that the process state does not: the status, or that the
	// output was held open.
	_ = cmd.Wait()
	<-fed
	if cmd.ProcessState == nil {
		return "", status.Tempfail("4.3.0", "cannot tell how the command ended")
	}
	end, _ := cmd.ProcessState.Sys().(syscall.WaitStatus) // it is one on every Unix
	return a.judge(ctx, end, out.String())
}

// feed writes the message to the command. When the message cannot be read, the command must not
// take what it got for all of it: it is killed, and its standard input stays open until it is gone
// (Wait closes it).
func (a *Agent) feed(w io.WriteCloser, j job, cancel context.CancelCauseFunc) {
	err := a.o.Command.copyText(w, j.head, j.text)
	if errors.Is(err, errReading) {
		cancel(err)
		return
	}
	// A command that ends without reading the message has its reasons: its exit status counts.
	_ = w.Close()
}

// judge makes of the end of a command what becomes of the mail.
func (a *Agent) judge(ctx context.Context, end syscall.WaitStatus, said string) (string, error) {
	path := a.o.Command.path()
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errReading):
		return "", status.Tempfail("4.3.0", "cannot read the queued message").Because(cause)
	case end.Exited() && end.ExitStatus() == 0:
		return said, nil
	case errors.Is(cause, errTime):
		return "", failure("4.3.0", fmt.Sprintf("Command time limit exceeded: %q", path), said)
	case cause != nil:
		return "", cause
	}
	return "", verdict(path, end, said)
}

// directory is where the command starts: directory=, else queue_directory, which below another root
// is its root.
func (a *Agent) directory() string {
	c := &a.o.Command
	switch {
	case c.directory != "":
		return c.directory
	case c.chroot != "":
		return "/"
	}
	return a.o.Directory
}

// executable finds a command that is named without a directory, as execvp(3) does.
func executable(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range strings.Split(defaultPath, ":") {
		path := filepath.Join(dir, name)
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", &os.PathError{Op: "find", Path: name, Err: syscall.ENOENT}
}

// notStarted is the error for a command that did not run. The path stays in the cause.
func notStarted(err error) error {
	text := "cannot start the command"
	var errno syscall.Errno
	if errors.As(err, &errno) {
		text += ": " + errno.Error()
	}
	return status.Tempfail("4.3.0", "%s", text).Because(err)
}
