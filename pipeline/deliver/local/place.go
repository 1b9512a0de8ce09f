package local

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// accountPlace returns the mailbox of an account.
func (a *Agent) accountPlace(u *User, user string) (mailbox.Place, error) {
	if a.o.HomeMailbox == "" {
		return spoolPlace(a.o.Spool, user, u.UID)
	}
	if !filepath.IsAbs(u.Home) {
		return mailbox.Place{}, misconfigured(fmt.Errorf("account %s: home directory %q", u.Name, u.Home))
	}
	return mailbox.Below(u.Home, a.o.HomeMailbox, u.UID)
}

// spoolPlace treats a name that cannot be a mailbox as unknown: without accounts it may be
// anything that a stranger wrote.
func spoolPlace(spool, user string, uid int) (mailbox.Place, error) {
	p, ok := mailbox.InSpool(spool, user, uid)
	if !ok {
		return p, unknown(user, "mail_spool_directory")
	}
	return p, nil
}

// inSpool delivers where there are no accounts.
func (x *expansion) inSpool(ctx context.Context, s *state) {
	x.attempt(s, "mailbox "+s.user, func() (string, error) {
		if x.o.Recipients != nil {
			if err := x.mustKnow(ctx, s.address, s.user); err != nil {
				return "", err
			}
		}
		p, err := spoolPlace(x.o.Spool, s.user, mailbox.AnyOwner)
		if err != nil {
			return "", err
		}
		if x.req.Entry.Probe() {
			return p.Probed(), nil
		}
		m := x.message(s)
		return x.o.Mailbox.Deliver(ctx, deliver.As{UID: mailbox.AnyOwner, GID: mailbox.AnyOwner}, p, &m)
	})
}

// mustKnow asks local_recipient_maps in the order of Postfix: whole addresses before bare names
// before the whole domain, each with the extension before without.
func (a *Agent) mustKnow(ctx context.Context, address, user string) error {
	internal := strings.ToLower(addr.Internal(address))
	full, domain := internal, ""
	if at := strings.LastIndexByte(internal, '@'); at >= 0 {
		full, domain = internal[:at], internal[at:]
	}
	keys := []string{internal, user + domain, full, user, domain}
	for i, key := range keys {
		if key == "" || slices.Contains(keys[:i], key) {
			continue
		}
		_, found, err := a.o.Recipients.Lookup(ctx, key)
		if err != nil {
			return tryLater("user lookup failed, try again later", err)
		}
		if found {
			return nil
		}
	}
	return unknown(user, "local_recipient_maps")
}
