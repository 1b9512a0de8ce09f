package pipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
)

// Feed writes a message to a command: head, then text with LF line ends and an end to its last line.
// Its error says that text could not be read; what cannot be written is not its business, since a
// command that ends without reading has its reasons.
func Feed(w io.Writer, head []byte, text mail.Content) error {
	c := Command{eol: "\n"}
	if err := c.copyText(w, head, text); errors.Is(err, errReading) {
		return err
	}
	return nil
}

// Judge runs a command for at most limit and says what its end means, as the package documentation
// has it: said is its cleaned output when it delivered, err else. name is the command in texts.
func Judge(ctx context.Context, r deliver.Runner, c *deliver.Command, limit time.Duration, name string) (said string, err error) {
	ctx, stop := context.WithTimeoutCause(ctx, limit, errTime)
	defer stop()
	end, err := r.Run(ctx, c)
	switch {
	case errors.Is(err, errReading):
		return "", status.Tempfail("4.3.0", "cannot read the queued message").Because(err)
	case err != nil && ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", notStarted(err)
	}
	said = oneLine(end.Output)
	cause := context.Cause(ctx)
	switch {
	case end.Status.Exited() && end.Status.ExitStatus() == 0:
		return said, nil
	case errors.Is(cause, errTime):
		return "", failure("4.3.0", fmt.Sprintf("Command time limit exceeded: %q", name), said)
	case cause != nil:
		return "", cause
	}
	if e := verdict(name, end.Status, said); e != nil {
		return "", e
	}
	return said, nil
}
