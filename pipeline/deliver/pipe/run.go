package pipe

import (
	"context"
	"errors"
	"io"
	"syscall"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
)

// errTime is the cause of a context whose command had its time.
var errTime = errors.New("command_time_limit")

// job is one run of the command.
type job struct {
	args []string
	head []byte
	text mail.Content
	as   deliver.As
}

// run runs the command and returns its cleaned output; err is nil for a delivery.
func (a *Agent) run(ctx context.Context, j job) (said string, err error) {
	c := &a.o.Command
	return Judge(ctx, a.o.Runner, &deliver.Command{
		Kind: deliver.ByService, Service: a.o.Service, As: j.as, Argv: j.args, Env: a.o.Environment,
		Directory: a.directory(), Chroot: c.chroot,
		Feed: func(w io.Writer) error {
			// A command that ends without reading the message has its reasons: its exit status counts.
			if err := c.copyText(w, j.head, j.text); errors.Is(err, errReading) {
				return err
			}
			return nil
		},
	}, a.o.TimeLimit, c.path())
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

// notStarted is the error for a command that did not run. The path stays in the cause.
func notStarted(err error) error {
	var e *status.Error
	if errors.As(err, &e) {
		return err // whoever was to start it says what it is
	}
	text := "cannot start the command"
	var errno syscall.Errno
	if errors.As(err, &errno) {
		text += ": " + errno.Error()
	}
	return status.Tempfail("4.3.0", "%s", text).Because(err)
}
