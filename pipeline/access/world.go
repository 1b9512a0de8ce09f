package access

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/rewrite"
)

// Networks is a network list (package netlist).
type Networks interface {
	// MatchClient reports whether a client, by its verified name ("" or "unknown" for none)
	// or its address, is in the list; an error is temporary.
	MatchClient(ctx context.Context, name string, client netip.Addr) (bool, error)
	// Len is the number of elements.
	Len() int
}

// Table is a lookup table; an error means "ask again later".
type Table interface {
	Lookup(ctx context.Context, key string) (value string, found bool, err error)
}

// Resolver is what World asks the DNS.
type Resolver interface {
	MX(ctx context.Context, domain string) ([]dns.MX, error)
	Addrs(ctx context.Context, host string, want dns.Family) ([]netip.Addr, error)
	Query(ctx context.Context, name string, t dns.Type) (dns.Answer, error)
	TXT(ctx context.Context, name string) ([]string, error)
}

// World is Env over the configured lists and tables. Safe for concurrent use.
type World struct {
	Networks Networks
	// BackupNetworks is permit_mx_backup_networks.
	BackupNetworks Networks
	// Interfaces are the addresses of this machine that mtad listens on.
	Interfaces []netip.Addr
	Rewriter   *rewrite.Rewriter
	Resolver
	// Local, VirtualMailbox and Relay list the recipients of their class
	// (local_recipient_maps, virtual_mailbox_maps, relay_recipient_maps). Empty: every user
	// of the class is listed. Aliases are the maps whose addresses are listed in every class:
	// canonical_maps, recipient_canonical_maps, virtual_alias_maps.
	Local, VirtualMailbox, Relay, Aliases table.Maps
	// SenderLogins is smtpd_sender_login_maps; SASL says that clients can log in.
	SenderLogins table.Maps
	SASL         bool
	// ClientCerts is relay_clientcerts.
	ClientCerts table.Maps
	// RBLReplies and RBLDefault are rbl_reply_maps and default_rbl_reply.
	RBLReplies table.Maps
	RBLDefault string
	// Verifier answers for Verify; nil: nobody can be asked.
	Verifier func(ctx context.Context, address string) (v Verified, why string, own bool)
	// ShowTable is show_user_unknown_table_name.
	ShowTable bool
	// DoubleBounce is double_bounce_sender, whose mail the queue absorbs.
	DoubleBounce string
	// Codes are unknown_local_recipient_reject_code and its like.
	LocalCode, VirtualAliasCode, VirtualMailboxCode, RelayCode int
	// UntrustedRouting is allow_untrusted_routing.
	UntrustedRouting bool
	// Delimiter is recipient_delimiter.
	Delimiter string
}

var _ Env = (*World)(nil)

// MyNetworks reports whether the client is in mynetworks.
func (w *World) MyNetworks(ctx context.Context, name string, client netip.Addr) (bool, error) {
	return w.Networks.MatchClient(ctx, known(name), client)
}

// MXNetworks reports whether an address is in permit_mx_backup_networks, and whether that is set.
func (w *World) MXNetworks(ctx context.Context, a netip.Addr) (in, restricted bool, err error) {
	if w.BackupNetworks == nil || w.BackupNetworks.Len() == 0 {
		return false, false, nil
	}
	in, err = w.BackupNetworks.MatchClient(ctx, "", a)
	return in, true, err
}

func known(name string) string {
	if name == "unknown" {
		return ""
	}
	return name
}

// Standard brings an address to standard form.
func (w *World) Standard(address string) string { return w.Rewriter.Standard(address) }

// Base takes the extension off a local part.
func (w *World) Base(local string) (string, bool) {
	base, _, ok := addr.SplitExtension(local, w.Delimiter)
	return base, ok
}

// Logins returns who may use a sender address.
func (w *World) Logins(ctx context.Context, sender string) (owners string, found, active bool, err error) {
	f, err := w.Rewriter.Find(ctx, w.SenderLogins, w.Rewriter.Standard(sender))
	return f.Value, f.OK, w.SASL, err
}

// RBLReply is the template of the reply for a DNS list.
func (w *World) RBLReply(ctx context.Context, list string) (string, error) {
	v, ok, err := w.RBLReplies.Lookup(ctx, list)
	if ok || err != nil {
		return v, err
	}
	return w.RBLDefault, nil
}

// Verify asks the Verifier.
func (w *World) Verify(ctx context.Context, address string) (v Verified, why string, own bool) {
	if w.Verifier == nil {
		return Unverified, "Address verification is not available", false
	}
	return w.Verifier(ctx, address)
}

// OwnInterface reports whether the address is one of this machine.
func (w *World) OwnInterface(client netip.Addr) bool {
	for _, a := range w.Interfaces {
		if a == client {
			return true
		}
	}
	return false
}

// AuthDestination reports whether mail for the recipient is for us or relayed for anybody. A route
// over this machine (user%remote@here) is followed. What is left of a route (user%remote,
// remote!user, user@remote) has no certain destination, unless it is read here: the site that we
// relay to may forward it to anywhere (postconf(5) allow_untrusted_routing).
//
// <postmaster> without a domain is for us, whatever myorigin is (RFC 5321 §4.1.1.3).
func (w *World) AuthDestination(ctx context.Context, recipient string) (bool, error) {
	if strings.EqualFold(recipient, "postmaster") {
		return true, nil
	}
	d, err := w.Rewriter.Destination(ctx, "", w.Rewriter.Standard(recipient))
	if err != nil {
		return false, err
	}
	if d.Class != rewrite.ClassLocal && !w.UntrustedRouting && d.Routed {
		return false, nil
	}
	return d.Class != rewrite.ClassDefault, nil
}

// Listed refuses a recipient that its class does not list. <postmaster> without a domain is
// always listed (RFC 5321 §4.5.1).
func (w *World) Listed(ctx context.Context, recipient string) *status.Error {
	return w.listed(ctx, recipient, "Recipient address", ".1.1")
}

// ListedSender refuses a sender that its class does not list.
func (w *World) ListedSender(ctx context.Context, sender string) *status.Error {
	return w.listed(ctx, sender, "Sender address", ".1.0")
}

func (w *World) listed(ctx context.Context, address, kind, detail string) *status.Error {
	later := func(err error) *status.Error {
		return status.New(451, "4.3.0", "<%s>: Temporary lookup failure", address).Because(err)
	}
	if strings.EqualFold(address, "postmaster") {
		return nil
	}
	d, err := w.Rewriter.Destination(ctx, "", w.Rewriter.Standard(address))
	if err != nil {
		return later(err)
	}
	if f, err := w.Rewriter.Find(ctx, w.Aliases, w.Rewriter.Standard(address)); f.OK || err != nil {
		if err != nil {
			return later(err)
		}
		return nil
	}
	if no := failing(d, address, kind, detail); no != nil {
		return no
	}
	maps, code, name := w.classMaps(d.Class)
	if d.Class == rewrite.ClassLocal && w.reserved(d.Recipient) || name == "" || len(maps) == 0 && d.Class != rewrite.ClassVirtualAlias {
		return nil
	}
	if d.Class == rewrite.ClassVirtualAlias && detail == ".1.0" {
		detail = ".1.7" // RFC 3463 §3.2: bad sender's mailbox address
	}
	f, err := w.Rewriter.Find(ctx, maps, d.Recipient)
	switch {
	case err != nil:
		return later(err)
	case f.OK:
		return nil
	}
	text := "User unknown"
	if w.ShowTable {
		text += " in " + name + " table"
	}
	return status.New(code, classOf(code)+detail, "<%s>: %s rejected: %s", address, kind, text).
		By(strings.ReplaceAll(name, " ", "_") + "_maps")
}

// failing refuses what transport_maps or relocated_maps send to error or retry.
func failing(d rewrite.Destination, address, kind, detail string) *status.Error {
	code := 550
	switch {
	case d.Transport == "retry":
		code = 450
	case d.Transport != "error" || d.Class == rewrite.ClassVirtualAlias && d.Nexthop == rewrite.UnknownAlias:
		return nil
	}
	enhanced, text := splitEnhanced(code, d.Nexthop)
	if enhanced == "" {
		enhanced = classOf(code) + detail
	}
	return status.New(code, enhanced, "<%s>: %s rejected: %s", address, kind, text).By("transport " + d.Transport)
}

// reserved reports whether a local user exists in any case: mail for it is made or absorbed by
// the system itself.
func (w *World) reserved(recipient string) bool {
	local := addr.Local(recipient)
	return strings.EqualFold(local, "postmaster") || strings.EqualFold(local, "mailer-daemon") ||
		w.DoubleBounce != "" && strings.EqualFold(local, w.DoubleBounce)
}

// classMaps are the tables, reply code and name of a class.
func (w *World) classMaps(c rewrite.Class) (table.Maps, int, string) {
	switch c {
	case rewrite.ClassLocal:
		return w.Local, w.LocalCode, "local recipient"
	case rewrite.ClassVirtualAlias:
		return nil, w.VirtualAliasCode, "virtual alias"
	case rewrite.ClassVirtualMailbox:
		return w.VirtualMailbox, w.VirtualMailboxCode, "virtual mailbox"
	case rewrite.ClassRelay:
		return w.Relay, w.RelayCode, "relay recipient"
	}
	return nil, 0, ""
}

// DomainExists reports whether a domain has MX or address records.
func (w *World) DomainExists(ctx context.Context, domain string) (exists, nullMX bool, err error) {
	_, err = w.Resolver.MX(ctx, domain)
	switch {
	case err == nil:
		return true, false, nil
	case errors.Is(err, dns.ErrNullMX):
		return true, true, nil
	case errors.Is(err, dns.ErrBadName):
		return false, false, nil
	case !errors.Is(err, dns.ErrNotFound):
		return false, false, err
	}
	_, err = w.Resolver.Addrs(ctx, domain, dns.Both)
	switch {
	case err == nil:
		return true, false, nil
	case errors.Is(err, dns.ErrNotFound), errors.Is(err, dns.ErrBadName):
		return false, false, nil
	}
	return false, false, err
}
