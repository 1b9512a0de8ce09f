package access

import (
	"context"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
)

type ask = func(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error)

// restrictions are the restrictions without arguments (postconf(5) smtpd_recipient_restrictions
// and the lists it refers to).
var restrictions = map[string]ask{
	"permit": func(context.Context, Env, *Codes, *Query) (Decision, *status.Error) { return Permit, nil },
	"reject": func(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
		return Refuse, status.New(c.Default, "5.7.1", "<%s>: %s rejected: Access denied", q.name, q.class)
	},
	"defer": func(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
		return Refuse, status.New(c.Defer, classOf(c.Defer)+".3.2", "<%s>: %s rejected: Try again later", q.name, q.class)
	},
	"defer_if_permit": func(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
		q.deferIfPermit(status.New(450, "4.7.0", "<%s>: %s rejected: defer_if_permit requested", q.name, q.class).By("defer_if_permit"))
		return Dunno, nil
	},
	"defer_if_reject": func(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
		q.deferIfReject(status.New(450, "4.7.0", "<%s>: %s rejected: defer_if_reject requested", q.name, q.class).By("defer_if_reject"))
		return Dunno, nil
	},
	"reject_unlisted_sender":                       rejectUnlistedSender,
	"reject_sender_login_mismatch":                 senderLogin(true, true, false),
	"reject_authenticated_sender_login_mismatch":   senderLogin(true, false, false),
	"reject_unauthenticated_sender_login_mismatch": senderLogin(false, true, false),
	"reject_known_sender_login_mismatch":           senderLogin(true, true, true),
	"permit_mx_backup":                             permitMXBackup,
	"permit_mynetworks":                            permitMyNetworks,
	"permit_inet_interfaces":                       permitInetInterfaces,
	"permit_sasl_authenticated":                    permitSASL,
	"permit_auth_destination":                      permitAuthDestination,
	"reject_unauth_destination":                    rejectUnauthDestination,
	"defer_unauth_destination":                     deferUnauthDestination,
	"reject_unlisted_recipient":                    rejectUnlisted,
	"reject_non_fqdn_sender":                       rejectNonFQDNSender,
	"reject_non_fqdn_recipient":                    rejectNonFQDNRecipient,
	"reject_non_fqdn_helo_hostname":                rejectNonFQDNHelo,
	"reject_invalid_helo_hostname":                 rejectInvalidHelo,
	"reject_unknown_sender_domain":                 rejectUnknownSender,
	"reject_unknown_recipient_domain":              rejectUnknownRecipient,
	"reject_unknown_helo_hostname":                 rejectUnknownHelo,
	"reject_unknown_client_hostname":               rejectUnknownClient,
	"reject_unknown_reverse_client_hostname":       rejectUnknownReverse,
	"reject_unauth_pipelining":                     rejectUnauthPipelining,
	"reject_plaintext_session":                     rejectPlaintext,
	"reject_multi_recipient_bounce":                rejectMultiBounce,
	"reject_unverified_sender":                     rejectUnverifiedSender,
	"reject_unverified_recipient":                  rejectUnverifiedRecipient,
	"permit_tls_clientcerts":                       permitCertificate(false),
	"permit_tls_all_clientcerts":                   permitCertificate(true),
}

func clientText(o *mail.Origin) string {
	name := o.ClientName
	if name == "" {
		name = "unknown"
	}
	return name + "[" + o.Client.Addr().Unmap().String() + "]"
}

// tempfail is what a lookup failure answers.
func tempfail(q *Query, err error) (Decision, *status.Error) {
	return Refuse, status.New(451, "4.3.0", "<%s>: Temporary lookup failure", q.name).Because(err)
}

func permitIf(ok bool, err error, q *Query) (Decision, *status.Error) {
	switch {
	case err != nil:
		return tempfail(q, err)
	case ok:
		return Permit, nil
	}
	return Dunno, nil
}

func permitMyNetworks(ctx context.Context, e Env, _ *Codes, q *Query) (Decision, *status.Error) {
	ok, err := e.MyNetworks(ctx, q.Origin.ClientName, q.Origin.Client.Addr().Unmap())
	return permitIf(ok, err, q)
}

func permitInetInterfaces(_ context.Context, e Env, _ *Codes, q *Query) (Decision, *status.Error) {
	return permitIf(e.OwnInterface(q.Origin.Client.Addr().Unmap()), nil, q)
}

func permitSASL(_ context.Context, _ Env, _ *Codes, q *Query) (Decision, *status.Error) {
	return permitIf(q.Origin.SASLUser != "", nil, q)
}

func permitAuthDestination(ctx context.Context, e Env, _ *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasRecipient {
		return Dunno, nil
	}
	ok, err := e.AuthDestination(ctx, q.Recipient)
	return permitIf(ok, err, q)
}

func rejectUnauthDestination(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
	return unauthDestination(ctx, e, q, status.New(c.RelayDomains, "5.7.1", "<%s>: Relay access denied", q.Recipient))
}

func deferUnauthDestination(ctx context.Context, e Env, _ *Codes, q *Query) (Decision, *status.Error) {
	return unauthDestination(ctx, e, q, status.New(454, "4.7.1", "<%s>: Relay access denied", q.Recipient))
}

func unauthDestination(ctx context.Context, e Env, q *Query, no *status.Error) (Decision, *status.Error) {
	if !q.HasRecipient {
		return Dunno, nil
	}
	ok, err := e.AuthDestination(ctx, q.Recipient)
	switch {
	case err != nil:
		return tempfail(q, err)
	case ok:
		return Dunno, nil
	}
	return Refuse, no
}

func rejectUnlisted(ctx context.Context, e Env, _ *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasRecipient {
		return Dunno, nil
	}
	q.checked = true
	if no := e.Listed(ctx, q.Recipient); no != nil {
		return Refuse, no
	}
	return Dunno, nil
}

func rejectNonFQDNSender(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasSender || q.Sender == "" || qualified(q.Sender) {
		return Dunno, nil
	}
	return Refuse, status.New(c.NonFQDN, classOf(c.NonFQDN)+".5.2", "<%s>: Sender address rejected: need fully-qualified address", q.Sender)
}

func rejectNonFQDNRecipient(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasRecipient || qualified(q.Recipient) || strings.EqualFold(q.Recipient, "postmaster") {
		return Dunno, nil
	}
	return Refuse, status.New(c.NonFQDN, classOf(c.NonFQDN)+".5.2", "<%s>: Recipient address rejected: need fully-qualified address", q.Recipient)
}

// qualified reports whether an address has a domain with a dot, or an address literal.
func qualified(address string) bool {
	d := addr.Domain(address)
	return strings.HasPrefix(d, "[") || strings.IndexByte(strings.TrimSuffix(d, "."), '.') > 0
}

func rejectNonFQDNHelo(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
	h := q.Origin.Helo
	if h == "" || strings.HasPrefix(h, "[") || strings.IndexByte(strings.TrimSuffix(h, "."), '.') > 0 {
		return Dunno, nil
	}
	return Refuse, status.New(c.NonFQDN, classOf(c.NonFQDN)+".5.2", "<%s>: Helo command rejected: need fully-qualified hostname", h)
}

func rejectInvalidHelo(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
	h := q.Origin.Helo
	if h == "" || validHost(h) {
		return Dunno, nil
	}
	text := "Invalid name"
	if strings.HasPrefix(h, "[") {
		text = "invalid ip address"
	}
	return Refuse, status.New(c.InvalidHostname, classOf(c.InvalidHostname)+".5.2", "<%s>: Helo command rejected: %s", h, text)
}

// validHost reports whether h is a host name or an address literal (RFC 5321 §4.1.3).
func validHost(h string) bool {
	if len(h) > 1 && h[0] == '[' && h[len(h)-1] == ']' {
		a := h[1 : len(h)-1]
		if len(a) > 5 && strings.EqualFold(a[:5], "ipv6:") {
			a = a[5:]
		}
		_, err := netip.ParseAddr(a)
		return err == nil
	}
	if len(h) > 255 {
		return false
	}
	for _, label := range strings.Split(strings.TrimSuffix(h, "."), ".") {
		if !validLabel(label) {
			return false
		}
	}
	return true
}

func validLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := 0; i < len(l); i++ {
		switch c := l[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c >= 0x80:
		default:
			return false
		}
	}
	return true
}

func rejectUnknownSender(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasSender || q.Sender == "" {
		return Dunno, nil
	}
	return unknownDomain(ctx, e, q, unknown{addr.Domain(q.Sender), "<" + q.Sender + ">: Sender address rejected: ", "Domain not found", ".1.8", ".7.27",
		c.UnknownAddress, c.AddressTempfailNow})
}

func rejectUnknownRecipient(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasRecipient {
		return Dunno, nil
	}
	if ok, err := e.AuthDestination(ctx, q.Recipient); err == nil && ok {
		return Dunno, nil
	}
	return unknownDomain(ctx, e, q, unknown{addr.Domain(q.Recipient), "<" + q.Recipient + ">: Recipient address rejected: ", "Domain not found", ".1.2", ".1.10",
		c.UnknownAddress, c.AddressTempfailNow})
}

func rejectUnknownHelo(ctx context.Context, e Env, c *Codes, q *Query) (Decision, *status.Error) {
	h := q.Origin.Helo
	if h == "" || strings.HasPrefix(h, "[") {
		return Dunno, nil
	}
	return unknownDomain(ctx, e, q, unknown{h, "<" + h + ">: Helo command rejected: ", "Host not found", ".7.1", "", c.UnknownHostname, c.HostnameTempfailNow})
}

// unknown is a refusal of a domain that does not exist.
type unknown struct {
	domain, begin, text string
	detail, nullMX      string // enhanced codes without class; nullMX is "" where it does not matter
	code                int
	now                 bool // a lookup failure is answered at once
}

func unknownDomain(ctx context.Context, e Env, q *Query, u unknown) (Decision, *status.Error) {
	if u.domain == "" || strings.HasPrefix(u.domain, "[") {
		return Dunno, nil
	}
	exists, nullMX, err := e.DomainExists(ctx, u.domain)
	switch {
	case err != nil:
		later := status.New(450, "4"+u.detail, "%s", u.begin+u.text).Because(err)
		if u.now {
			return Refuse, later
		}
		q.deferIfPermit(later)
		return Dunno, nil
	case nullMX && u.nullMX != "": // RFC 7505 §4.1, §4.2
		code := 556
		if u.nullMX == ".7.27" { // the sender
			code = 550
		}
		return Refuse, status.New(code, "5"+u.nullMX, "%sDomain %s does not accept mail (nullMX)", u.begin, u.domain)
	case exists:
		return Dunno, nil
	}
	return Refuse, status.New(u.code, classOf(u.code)+u.detail, "%s", u.begin+u.text)
}

func rejectUnknownClient(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
	if n := q.Origin.ClientName; n != "" && n != "unknown" {
		return Dunno, nil
	}
	return Refuse, status.New(c.UnknownClient, classOf(c.UnknownClient)+".7.25", "Client host rejected: cannot find your hostname, [%s]", q.Origin.Client.Addr().Unmap())
}

func rejectUnknownReverse(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
	if n := q.Origin.ReverseName; n != "" && n != "unknown" {
		return Dunno, nil
	}
	return Refuse, status.New(c.UnknownClient, classOf(c.UnknownClient)+".7.25", "Client host rejected: cannot find your reverse hostname, [%s]", q.Origin.Client.Addr().Unmap())
}

func rejectUnauthPipelining(_ context.Context, _ Env, _ *Codes, q *Query) (Decision, *status.Error) {
	if !q.Pipelined {
		return Dunno, nil
	}
	return Refuse, status.New(503, "5.5.0", "<%s>: %s rejected: Improper use of SMTP command pipelining", q.name, q.class)
}

func rejectPlaintext(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
	if q.Origin.TLSVersion != "" {
		return Dunno, nil
	}
	return Refuse, status.New(c.Plaintext, classOf(c.Plaintext)+".7.1", "Session encryption is required")
}

func rejectMultiBounce(_ context.Context, _ Env, c *Codes, q *Query) (Decision, *status.Error) {
	if !q.HasSender || q.Sender != "" || q.Recipients < 2 {
		return Dunno, nil
	}
	return Refuse, status.New(c.MultiRecipientBounce, classOf(c.MultiRecipientBounce)+".5.3", "<%s>: %s rejected: Multi-recipient bounce", q.name, q.class)
}

// classOf is the first digit of a code, as an enhanced code begins.
func classOf(code int) string { return string(rune('0' + code/100)) }
