package access

import (
	"context"
	"strings"

	"github.com/mtad/mtad/core/status"
)

// List is a compiled restriction list. Safe for concurrent use.
type List struct {
	name  string
	rules []rule
}

// rule is one restriction. A refusal may be nil only with Dunno and Permit.
type rule struct {
	name string
	ask  ask
	warn bool // behind warn_if_reject
	// plain says that it permits by itself, not by what a table has.
	plain bool
}

// stage is what a defer_if_reject counts for: the relay and recipient lists are one.
func (l *List) stage() string {
	if l.name == "smtpd_relay_restrictions" {
		return "smtpd_recipient_restrictions"
	}
	return l.name
}

// subject sets what the restrictions of a list are about.
func (l *List) subject(q *Query) {
	if s := l.stage(); s != q.stage {
		q.stage, q.deferReject = s, nil
	}
	switch l.name {
	case "smtpd_client_restrictions":
		q.name, q.class = clientText(q.Origin), "Client host"
	case "smtpd_helo_restrictions":
		q.name, q.class = q.Origin.Helo, "Helo command"
	case "smtpd_sender_restrictions":
		q.name, q.class = q.Sender, "Sender address"
	case "smtpd_data_restrictions":
		q.name, q.class = "DATA", "Data command"
	case "smtpd_end_of_data_restrictions":
		q.name, q.class = "END-OF-MESSAGE", "End-of-data"
	case "smtpd_etrn_restrictions":
		q.name, q.class = q.Etrn, "Etrn command"
	default:
		q.name, q.class = q.Recipient, "Recipient address"
	}
}

// Eval asks the restrictions in order. warned is told of refusals that warn_if_reject turned into
// warnings. A refusal becomes a deferral when a defer_if_reject of the same stage is pending.
//
// The deferrals of defer_if_permit stay in q: whoever asks the last list that may accept the mail
// calls Final.
func (l *List) Eval(ctx context.Context, e Env, c *Codes, q *Query, warned func(*status.Error)) (Decision, *status.Error) {
	l.subject(q)
	d, refusal := l.eval(ctx, e, c, q, warned)
	if d == Refuse {
		refusal = q.Soften(refusal)
	}
	return d, refusal
}

// Soften turns a refusal of the stage that was asked last into the deferral that a
// defer_if_reject left, if any. nil stays nil.
func (q *Query) Soften(refusal *status.Error) *status.Error {
	if refusal != nil && q.deferReject != nil {
		return q.deferReject
	}
	return refusal
}

// Final returns what defer_if_permit left for mail that would be accepted; nil for nothing.
func (q *Query) Final() *status.Error { return q.deferPermit }

func (l *List) eval(ctx context.Context, e Env, c *Codes, q *Query, warned func(*status.Error)) (Decision, *status.Error) {
	for i := range l.rules {
		if q.discarded() {
			break
		}
		r := &l.rules[i]
		d, refusal := r.ask(ctx, e, c, q)
		switch {
		case d == Dunno:
		case d == Refuse && r.warn:
			if warned != nil {
				warned(refusal.By(r.name))
			}
		case d == Refuse:
			if refusal.Rule == "" {
				refusal = refusal.By(r.name)
			}
			return d, refusal
		default:
			if r.plain {
				q.plainly(r.name)
			}
			return d, nil
		}
	}
	return Dunno, nil
}

// Empty reports whether the list has no restriction.
func (l *List) Empty() bool { return l == nil || len(l.rules) == 0 }

// alias returns the present name of a restriction that has an old one.
func alias(name string) string {
	switch name {
	case "reject_invalid_hostname":
		return "reject_invalid_helo_hostname"
	case "reject_non_fqdn_hostname":
		return "reject_non_fqdn_helo_hostname"
	case "reject_unknown_hostname":
		return "reject_unknown_helo_hostname"
	case "reject_unknown_client":
		return "reject_unknown_client_hostname"
	case "reject_unknown_address":
		return "reject_unknown_sender_domain"
	case "reject_unverified_address":
		return "reject_unverified_sender"
	case "check_relay_domains":
		return "reject_unauth_destination"
	case "permit_naked_ip_address", "check_address_map":
		return "" // Postfix removed them
	case "permit_auth_recipient":
		return "permit_auth_destination"
	case "reject_maps_rbl":
		return ""
	}
	return strings.TrimSpace(name)
}

func misconfigured(context.Context, Env, *Codes, *Query) (Decision, *status.Error) {
	return Refuse, status.New(451, "4.3.5", "Server configuration error")
}
