package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

const postqueueUsage = "usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site"

const helpPostqueue = `usage: postqueue -p | -j | -f | -s SITE | -i ID [SELECTOR...]

  -p          list the queue: "*" behind an id is active, "!" on hold, "#" to
              be returned at the next attempt
  -j          list the queue as JSON, one object per line and message
  -f          try all deferred mail now
  -s SITE     try deferred mail for one of fast_flush_domains now
  -i ID       try one deferred message now
  -c DIR      configuration directory
  -v          accepted, without effect

-f, -s and -i leave mail on hold alone. With the daemon down, -p and -j read
the queue directly; only root and the owner of the queue can.
` + helpSelectors + `
Exit code: 0 done, 69 not done.
`

const helpMailq = `usage: mailq

Lists the queue, as postqueue -p does. Options are those of sendmail.
`

func postqueue(sh *shell, args []string) int {
	sel, args, err := cutSelector(args)
	var opts []option
	var rest []string
	if err == nil {
		opts, rest, err = getopt(args, "c:fi:jps:v")
	}
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
	if len(do) != 1 || len(rest) > 0 || (do[0].letter == 's' || do[0].letter == 'i') && !sel.IsZero() {
		return sh.fail(exUnavailable, postqueueUsage)
	}
	return sh.queue(do[0], &sel)
}

// queue does one of postqueue's actions.
func (sh *shell) queue(o option, sel *ctl.Selector) int {
	c, err := sh.client()
	if err != nil {
		return sh.fail(exUnavailable, "%v", err)
	}
	defer c.Close()
	ctx := context.Background()
	switch o.letter {
	case 'p', 'j':
		return sh.listQueue(ctx, c, o.letter == 'j', sel)
	case 'f':
		_, err = c.Flush(ctx, sel)
	case 's':
		if !isSite(o.value) {
			return sh.fail(exUnavailable, "Cannot flush mail queue - invalid destination: %q", o.value)
		}
		if _, err = c.FlushSite(ctx, o.value); ctl.IsNotEligible(err) {
			return sh.fail(exUnavailable, "%s", told(err))
		}
	case 'i':
		if !isID(o.value) {
			return sh.fail(exUnavailable, "Cannot flush queue ID - invalid name: %q", o.value)
		}
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

// isSite accepts a domain, or an address literal in brackets (RFC 5321 §4.1.3).
func isSite(s string) bool {
	if inside, ok := strings.CutPrefix(s, "["); ok {
		inside, ok = strings.CutSuffix(inside, "]")
		if rest, v6 := strings.CutPrefix(strings.ToLower(inside), "ipv6:"); v6 {
			inside = rest
		}
		_, err := netip.ParseAddr(inside)
		return ok && err == nil
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] == '@' || s[i] == '/' || s[i] == 0x7f {
			return false
		}
	}
	return s != ""
}

// isID accepts what may be the name of a queued message.
func isID(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}

// listQueue lists from the daemon, or from the store when there is none.
func (sh *shell) listQueue(ctx context.Context, c *ctl.Client, asJSON bool, sel *ctl.Selector) int {
	out := bufio.NewWriterSize(sh.out, 64<<10)
	err := sh.list(ctx, c, out, asJSON, sel)
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

func (sh *shell) list(ctx context.Context, c *ctl.Client, out *bufio.Writer, asJSON bool, sel *ctl.Selector) error {
	cfg, err := sh.config()
	if err != nil {
		return err
	}
	add, end := sh.printer(out, asJSON)
	dropItems(cfg, sel, add)
	if asJSON && !onlyMaildrop(sel) {
		known := withoutMaildrop(sel)
		if err := c.ListJSON(ctx, &known, out); !errors.Is(err, ctl.ErrDown) {
			return err // as it came: a million lines need no second look
		}
	}
	if err := sh.items(ctx, c, cfg, sel, add); err != nil {
		return err
	}
	end()
	return nil
}

// items calls fn for the entries that sel means: the daemon's, or the store's when there is none.
func (sh *shell) items(ctx context.Context, c *ctl.Client, cfg *conf.Config, sel *ctl.Selector, fn func(*ctl.Item) bool) error {
	if onlyMaildrop(sel) {
		return nil
	}
	known := withoutMaildrop(sel)
	err := c.List(ctx, &known, fn)
	if errors.Is(err, ctl.ErrDown) {
		sh.warn("Mail system is down -- accessing queue directly")
		err = directItems(ctx, cfg, &known, fn)
	}
	return err
}

// withoutMaildrop is sel for what the daemon has.
func withoutMaildrop(sel *ctl.Selector) ctl.Selector {
	known := *sel
	known.Queues = slices.DeleteFunc(slices.Clone(sel.Queues), func(s string) bool { return s == maildropQueue })
	return known
}

func onlyMaildrop(sel *ctl.Selector) bool {
	return len(sel.Queues) > 0 && !slices.ContainsFunc(sel.Queues, func(s string) bool { return s != maildropQueue })
}

func mailq(sh *shell, args []string) int { return sendmail(sh, append([]string{"-bp"}, args...)) }
