package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

const postqueueUsage = "usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site"

const helpPostqueue = `usage: postqueue -p | -j | -f | -s SITE | -i ID

  -p          list the queue: "*" behind an id is active, "!" on hold, "#" to
              be returned at the next attempt
  -j          list the queue as JSON, one object per line and message
  -f          try all deferred mail now
  -s SITE     try deferred mail for one site (the domain after "@") now
  -i ID       try one deferred message now
  -c DIR      configuration directory
  -v          accepted, without effect

-f, -s and -i leave mail on hold alone. With the daemon down, -p and -j read
the queue directly; only root and the owner of the queue can.

Exit code: 0 done, 69 not done.
`

const helpMailq = `usage: mailq

Lists the queue, as postqueue -p does. Options are those of sendmail.
`

func postqueue(sh *shell, args []string) int {
	opts, rest, err := getopt(args, "c:fi:jps:v")
	if err != nil {
		fmt.Fprintf(sh.err, "%s: %v\n", sh.name, err)
		return sh.fail(exUnavailable, postqueueUsage)
	}
	var do []option
	for _, o := range opts {
		switch o.letter {
		case 'c':
			sh.dir = o.value
		case 'v':
		default:
			do = append(do, o)
		}
	}
	if len(do) != 1 || len(rest) > 0 {
		return sh.fail(exUnavailable, postqueueUsage)
	}
	return sh.queue(do[0])
}

// queue does one of postqueue's actions.
func (sh *shell) queue(o option) int {
	c, err := sh.client()
	if err != nil {
		return sh.fail(exUnavailable, "%v", err)
	}
	defer c.Close()
	ctx := context.Background()
	switch o.letter {
	case 'p', 'j':
		return sh.listQueue(ctx, c, o.letter == 'j')
	case 'f':
		_, err = c.Flush(ctx)
	case 's':
		if !isSite(o.value) {
			return sh.fail(exUnavailable, "Cannot flush mail queue - invalid destination: %q", o.value)
		}
		_, err = c.FlushSite(ctx, o.value)
	case 'i':
		// Like Postfix's, this one is silent about an id that is not there: the message
		// may have been delivered a moment ago.
		if err = c.FlushID(ctx, o.value); errors.Is(err, queue.ErrNotFound) {
			err = nil
		}
	}
	if err != nil {
		return sh.fail(exUnavailable, "Cannot flush mail queue - %s", why(err))
	}
	return exOK
}

// why is told in Postfix's words.
func why(err error) string {
	if errors.Is(err, ctl.ErrDown) {
		return "mail system is down"
	}
	return told(err)
}

// isSite accepts a domain or an address in brackets.
func isSite(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == '@' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

// listQueue lists from the daemon, or from the store when there is none.
func (sh *shell) listQueue(ctx context.Context, c *ctl.Client, asJSON bool) int {
	out := bufio.NewWriterSize(sh.out, 64<<10)
	err := sh.daemonList(ctx, c, out, asJSON)
	if errors.Is(err, ctl.ErrDown) {
		sh.warn("Mail system is down -- accessing queue directly")
		err = sh.directList(ctx, out, asJSON)
	}
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	var e *status.Error
	switch {
	case errors.As(err, &e) && e.Reply.DSN() == "5.7.1":
		return sh.fail(exUnavailable, "%s", e.Reply.Text)
	case err != nil:
		return sh.fail(exUnavailable, "cannot list the queue: %s", told(err))
	}
	return exOK
}

func (sh *shell) daemonList(ctx context.Context, c *ctl.Client, out *bufio.Writer, asJSON bool) error {
	if asJSON {
		return c.ListJSON(ctx, out)
	}
	l := sh.newListing(out)
	err := c.List(ctx, l.add)
	if err == nil {
		l.end()
	}
	return err
}

func mailq(sh *shell, args []string) int { return sendmail(sh, append([]string{"-bp"}, args...)) }
