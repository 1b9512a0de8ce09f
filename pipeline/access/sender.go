package access

import (
	"context"
	"errors"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/status"
)

// senderLogin is the reject_sender_login_mismatch family: who is logged in may only use sender
// addresses that smtpd_sender_login_maps give to them, and who is not may use none of them.
// knownOnly leaves addresses that nobody owns to everybody.
func senderLogin(authenticated, strangers, knownOnly bool) ask {
	return func(ctx context.Context, e Env, _ *Codes, q *Query) (Decision, *status.Error) {
		if !q.HasSender || q.Sender == "" {
			return Dunno, nil
		}
		owners, found, active, err := e.Logins(ctx, q.Sender)
		if err != nil {
			return Refuse, status.New(451, "4.3.0", "<%s>: Temporary lookup failure", q.Sender).Because(err)
		}
		user := q.Origin.SASLUser
		switch {
		case !active:
			return Dunno, nil
		case user == "" && strangers && found:
			return Refuse, status.New(553, "5.7.1", "<%s>: Sender address rejected: not logged in", q.Sender)
		case user == "" || !authenticated || !found && knownOnly || owns(owners, user):
			return Dunno, nil
		}
		return Refuse, status.New(553, "5.7.1", "<%s>: Sender address rejected: not owned by user %s", q.Sender, user)
	}
}

func owns(owners, user string) bool {
	for _, o := range strings.FieldsFunc(owners, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }) {
		if strings.EqualFold(o, user) {
			return true
		}
	}
	return false
}

func rejectUnlistedSender(ctx context.Context, e Env, _ *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasSender || q.Sender == "" {
		return Dunno, nil
	}
	if no := e.ListedSender(ctx, q.Sender); no != nil {
		return Refuse, no
	}
	return Dunno, nil
}

// permitMXBackup permits mail for domains that name this machine as a mail exchanger, when their
// primary ones are in permit_mx_backup_networks, if that is set.
func permitMXBackup(ctx context.Context, e Env, _ *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasRecipient {
		return Dunno, nil
	}
	if ok, err := e.AuthDestination(ctx, q.Recipient); ok || err != nil {
		return permitIf(ok, err, q)
	}
	domain := addr.Domain(q.Recipient)
	if domain == "" || strings.HasPrefix(domain, "[") || strings.ContainsAny(addr.Local(q.Recipient), "@%!") {
		return Dunno, nil
	}
	ok, err := backupFor(ctx, e, domain)
	switch {
	case errors.Is(err, dns.ErrNotFound), errors.Is(err, dns.ErrNullMX), errors.Is(err, dns.ErrBadName):
		return Dunno, nil
	case err != nil:
		q.deferIfReject(status.New(450, "4.4.4", "<%s>: %s rejected: Unable to look up mail exchanger information", q.Recipient, q.class).Because(err))
		return Dunno, nil
	case ok:
		return Permit, nil
	}
	return Dunno, nil
}

func backupFor(ctx context.Context, e Env, domain string) (bool, error) {
	list, err := e.MX(ctx, domain)
	if err != nil {
		return false, err
	}
	mine, trusted := false, true
	for _, m := range list {
		addrs, err := e.Addrs(ctx, m.Host, dns.Both)
		if err != nil {
			return false, err
		}
		for _, a := range addrs {
			mine = mine || e.OwnInterface(a.Unmap())
			if m.Pref != list[0].Pref {
				continue
			}
			in, restricted, err := e.MXNetworks(ctx, a.Unmap())
			if err != nil {
				return false, err
			}
			trusted = trusted && (in || !restricted)
		}
	}
	return mine && trusted, nil
}
