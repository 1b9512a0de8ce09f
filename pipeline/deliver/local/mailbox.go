package local

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/queue"
)

// mailbox is the way of a user past aliases and .forward: another transport, a command, a file.
func (x *expansion) mailbox(ctx context.Context, s state) {
	transport, err := first(ctx, x.o.MailboxTransportMaps, x.o.MailboxTransport, s.user)
	if err != nil {
		x.failed(&s, err)
		return
	}
	if transport != "" {
		x.pass(ctx, &s, transport)
		return
	}
	if x.o.Directory {
		x.inSpool(ctx, &s)
		return
	}
	u, err := x.lookup(ctx, &s)
	switch {
	case err != nil:
		x.failed(&s, err)
	case u == nil:
		x.unknown(ctx, s)
	case x.o.RequireHome && !isDirectory(u.Home):
		x.failed(&s, misconfigured(fmt.Errorf("require_home_directory: account %s: %q", u.Name, u.Home)))
	default:
		x.toAccount(ctx, s, u)
	}
}

// toAccount delivers to the command or the mailbox of an account.
func (x *expansion) toAccount(ctx context.Context, s state, u *User) {
	root := x.isRoot(u)
	u, err := x.standIn(ctx, u)
	if err != nil {
		x.failed(&s, err)
		return
	}
	command, err := first(ctx, x.o.MailboxCommandMaps, x.o.MailboxCommand, s.user)
	switch {
	case err != nil:
		x.failed(&s, err)
		return
	case command != "":
		x.run(ctx, s, deliver.ByMailboxCommand, command, u)
		return
	}
	x.attempt(&s, "mailbox "+u.Name, func() (string, error) {
		p, err := x.accountPlace(u, s.user)
		if err != nil {
			return "", err
		}
		if x.req.Entry.Probe() {
			return p.Probed(), nil
		}
		m := x.message(&s)
		text, err := x.o.Mailbox.Deliver(ctx, u.as(), p, &m)
		if err != nil && root {
			err = status.From(err).Because(fmt.Errorf("nothing is delivered as root: give root an alias, or %s to %s: %w", p, u.Name, err))
		}
		return text, err
	})
}

// standIn returns the account that mail of u is delivered as: default_privs for root.
func (x *expansion) standIn(ctx context.Context, u *User) (*User, error) {
	switch {
	case !x.isRoot(u):
		return u, nil
	case x.o.HomeMailbox != "" && x.o.MailboxCommand == "":
		return nil, misconfigured(errors.New("nothing is delivered as root, and others cannot write to its home_mailbox: give root an alias"))
	}
	return x.rightsOr(ctx, nil)
}

// isRoot reports whether nothing may be delivered with the rights of u.
func (x *expansion) isRoot(u *User) bool { return x.o.NeverRoot && u.UID == 0 }

// first returns what a table has for a user, else fallback.
func first(ctx context.Context, t Table, fallback, user string) (string, error) {
	if t == nil {
		return fallback, nil
	}
	value, found, err := t.Lookup(ctx, user)
	switch {
	case err != nil:
		return "", tryLater("mailbox lookup failed, try again later", err)
	case found:
		return value, nil
	}
	return fallback, nil
}

// pass has another transport deliver.
func (x *expansion) pass(ctx context.Context, s *state, transport string) {
	x.once(s, "transport "+transport+" "+s.address, func() queue.Result {
		e := *x.req.Entry
		e.Sender = s.sender
		r := x.top
		r.Address = s.address
		req := *x.req
		req.Entry, req.Recipients = &e, []mail.Recipient{r}
		return x.o.Pass(ctx, &req, transport)
	})
}

// unknown is the end for a user that nobody knows.
func (x *expansion) unknown(ctx context.Context, s state) {
	transport, err := first(ctx, x.o.FallbackTransportMaps, x.o.FallbackTransport, s.user)
	switch {
	case err != nil:
		x.failed(&s, err)
		return
	case transport != "":
		x.pass(ctx, &s, transport)
		return
	case x.o.LuserRelay != "":
		x.relay(ctx, s)
		return
	}
	x.failed(&s, unknown(s.user, "accounts"))
}

// relay sends mail for a user that nobody knows to luser_relay.
func (x *expansion) relay(ctx context.Context, s state) {
	address, err := x.macros(&s).expand(x.o.LuserRelay, "")
	if err != nil || address == "" {
		x.failed(&s, misconfigured(fmt.Errorf("luser_relay = %s: %q: %w", x.o.LuserRelay, address, err)))
		return
	}
	next := s
	next.unmatched, next.alias = "", ""
	if x.relayed { // luser_relay is unknown itself
		x.failed(&s, unknown(s.user, "luser_relay"))
		return
	}
	x.relayed = true
	x.address(ctx, next, address)
	x.relayed = false
}

func isDirectory(path string) bool {
	return filepath.IsAbs(path) && deliver.IsDirectory(path)
}

func unknown(user, rule string) error {
	return status.Reject("5.1.1", "unknown user: %q", user).By(rule)
}
