package local

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/deliver"
	"github.com/mtad/mtad/pipeline/deliver/mailbox"
)

// place returns the mailbox of a user and its owner, or says that there is no such user.
func (a *Agent) place(ctx context.Context, address, user string) (as deliver.As, p mailbox.Place, err error) {
	if a.o.Directory {
		p, err = a.directoryPlace(ctx, address, user)
		return deliver.As{UID: mailbox.AnyOwner, GID: mailbox.AnyOwner}, p, err
	}
	u, found, err := a.o.Users.Lookup(ctx, user)
	switch {
	case err != nil:
		return as, p, tryLater("user lookup failed, try again later", err)
	case !found:
		return as, p, unknown(user, "accounts")
	case a.o.HomeMailbox != "":
		p, err = homePlace(u, a.o.HomeMailbox)
	default:
		p, err = spoolPlace(a.o.Spool, user, u.UID)
	}
	return deliver.As{Name: u.Name, UID: u.UID, GID: u.GID}, p, err
}

func homePlace(u User, mbox string) (mailbox.Place, error) {
	if !filepath.IsAbs(u.Home) {
		err := fmt.Errorf("account %s: home directory %q", u.Name, u.Home)
		return mailbox.Place{}, status.Tempfail("4.3.5", "mail system configuration error").Because(err)
	}
	return mailbox.Below(u.Home, mbox, u.UID)
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

func (a *Agent) directoryPlace(ctx context.Context, address, user string) (mailbox.Place, error) {
	if a.o.Recipients != nil {
		if err := a.mustKnow(ctx, address, user); err != nil {
			return mailbox.Place{}, err
		}
	}
	return spoolPlace(a.o.Spool, user, mailbox.AnyOwner)
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

func unknown(user, rule string) error {
	return status.Reject("5.1.1", "unknown user: %q", user).By(rule)
}
