package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mtad/mtad/pipeline/ctl"
	"github.com/mtad/mtad/queue"
)

const helpWhy = `usage: mtad [-c DIR] why ID...

Says why a message waits: where it is, when it is tried next and when it is
returned; for each recipient that is not done the last reply, which rule, plugin
or server decided, where mail for it goes, and how that destination is doing.

Exit code: 0 done, 1 no such message, not allowed, or the daemon is down.
`

const helpSuspend = `usage: mtad [-c DIR] suspend [--for TIME] DESTINATION [REASON...]
       mtad [-c DIR] suspend [--for TIME] --service SERVICE [REASON...]
       mtad [-c DIR] suspend

No mail goes to DESTINATION until "mtad resume", or for TIME (30m, 2h, 1d): it
is deferred, with REASON. DESTINATION is a next hop as "mtad why" shows it:
example.com, [192.0.2.1]:25. Flushing does not change that; a restart neither.

SERVICE is a service of master.cf: smtps, 127.0.0.1:25, lmtp, or with its type
where the name is not enough: smtp/inet. An SMTP server answers new clients
with 421 and keeps the sessions it has; a transport delivers nothing, what
would go through it is deferred. Other services are not touched.

Without arguments: what is suspended.

Exit code: 0 done, 1 not done.
`

const helpResume = `usage: mtad [-c DIR] resume DESTINATION...
       mtad [-c DIR] resume --service SERVICE...

Has mail go to destinations again, or services work again, that were suspended;
what waits is tried now.

Exit code: 0 done, 1 not done.
`

func whyVerb(sh *shell, args []string) int {
	if len(args) == 0 {
		return sh.fail(exUsage, "which message? (mtad why --help)")
	}
	return sh.ask(nil, func(ctx context.Context, c *ctl.Client) error {
		for _, id := range args {
			w, err := c.Why(ctx, id)
			if errors.Is(err, queue.ErrNotFound) {
				return fmt.Errorf("%s: no such message; the log tells what became of it", id)
			}
			if err != nil {
				return err
			}
			sh.printWhy(&w)
		}
		return nil
	})
}

// moment is a time for people.
func moment(t time.Time) string {
	return t.Local().Format("Mon Jan _2 15:04:05") + " (" + fromNow(t) + ")"
}

func fromNow(t time.Time) string {
	switch d := time.Until(t).Round(time.Second); {
	case d > 0:
		return "in " + d.String()
	case d < 0:
		return (-d).String() + " ago"
	}
	return "now"
}

func (sh *shell) printWhy(w *ctl.Why) {
	it := &w.Item
	fmt.Fprintf(sh.out, "%s: %s, from <%s>, %d bytes, arrived %s\n", it.ID, it.Queue, it.Sender, it.Size, moment(it.ArrivedAt()))
	if w.Reason != "" {
		fmt.Fprintf(sh.out, "  reason: %s\n", w.Reason)
	}
	if w.Decided != "" {
		fmt.Fprintf(sh.out, "  decided by: %s\n", w.Decided)
	}
	fmt.Fprintf(sh.out, "  attempts: %d", w.Attempts)
	if !w.Next.IsZero() {
		fmt.Fprintf(sh.out, ", next %s", moment(w.Next))
	}
	switch {
	case it.Expire:
		sh.print(", returned to the sender at the next one\n")
	case it.Queue == queue.Hold.String():
		sh.print(", none until it is released\n")
	default:
		fmt.Fprintf(sh.out, ", expires %s\n", moment(w.Expires))
	}
	for i := range w.Recipients {
		sh.printWhyRecipient(&w.Recipients[i])
	}
}

func (sh *shell) printWhyRecipient(r *ctl.WhyRecipient) {
	fmt.Fprintf(sh.out, "  to <%s>", r.Address)
	if r.Original != "" {
		fmt.Fprintf(sh.out, " (originally <%s>)", r.Original)
	}
	if r.Reply == "" {
		sh.print(": not tried yet\n")
	} else {
		fmt.Fprintf(sh.out, ": %s by %s, %s\n    %s\n", r.Outcome, r.Relay, moment(r.At), r.Reply)
	}
	if r.Decided != "" {
		fmt.Fprintf(sh.out, "    decided by: %s\n", r.Decided)
	}
	if r.Unroutable != "" {
		fmt.Fprintf(sh.out, "    route: none: %s\n", r.Unroutable)
		return
	}
	fmt.Fprintf(sh.out, "    route: transport %s, next hop %s\n", r.Transport, r.Nexthop)
	if r.Suspended != nil {
		fmt.Fprintf(sh.out, "    suspended: %s\n", suspensionText(r.Suspended))
	}
	switch s := r.Site; {
	case s == nil:
	case !s.DeadUntil.IsZero():
		fmt.Fprintf(sh.out, "    destination: dead until %s: %s\n", moment(s.DeadUntil), s.Reason)
	default:
		fmt.Fprintf(sh.out, "    destination: %d deliveries under way of at most %d, %d messages wait\n", s.Busy, s.Window, s.Waiting)
	}
}

func suspensionText(s *ctl.Suspension) string {
	text := s.Reason
	if text == "" {
		text = "no reason given"
	}
	if s.Until.IsZero() {
		return text + "; until it is resumed"
	}
	return text + "; until " + moment(s.Until)
}

func suspendVerb(sh *shell, args []string) int {
	s := ctl.Suspension{}
	what, options := &s.Nexthop, len(args)
	for len(args) > 0 && strings.HasPrefix(args[0], "--") {
		switch {
		case args[0] == "--service":
			what, args = &s.Service, args[1:]
		case args[0] == "--for" && len(args) > 1:
			d, err := parseAge(args[1])
			if err != nil {
				return sh.fail(exUsage, "%v", err)
			}
			s.Until, args = time.Now().Add(d), args[2:]
		default:
			return sh.fail(exUsage, "no such option: %s (mtad suspend --help)", args[0])
		}
	}
	if options > 0 && len(args) == 0 {
		return sh.fail(exUsage, "which destination or service? (mtad suspend --help)")
	}
	return sh.ask(nil, func(ctx context.Context, c *ctl.Client) error {
		if len(args) == 0 {
			return sh.printSuspensions(ctx, c)
		}
		*what, s.Reason = args[0], strings.Join(args[1:], " ")
		return c.Suspend(ctx, s)
	})
}

func (sh *shell) printSuspensions(ctx context.Context, c *ctl.Client) error {
	all, err := c.Suspensions(ctx)
	for i := range all {
		what := all[i].Nexthop
		if all[i].Service != "" {
			what = "service " + all[i].Service
		}
		fmt.Fprintf(sh.out, "%s: %s\n", what, suspensionText(&all[i]))
	}
	return err
}

func resumeVerb(sh *shell, args []string) int {
	services := len(args) > 0 && args[0] == "--service"
	if services {
		args = args[1:]
	}
	if len(args) == 0 {
		return sh.fail(exUsage, "which destination or service? (mtad resume --help)")
	}
	return sh.ask(nil, func(ctx context.Context, c *ctl.Client) error {
		for _, name := range args {
			s := ctl.Suspension{Nexthop: name}
			if services {
				s = ctl.Suspension{Service: name}
			}
			err := c.Resume(ctx, s)
			if errors.Is(err, queue.ErrNotFound) {
				return fmt.Errorf("%s is not suspended", name)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
