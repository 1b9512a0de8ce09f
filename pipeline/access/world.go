package access

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/rewrite"
)

// Networks is a network list (package netlist).
type Networks interface {
	Match(ctx context.Context, client netip.Addr) (bool, error)
}

// Table is a lookup table; an error means "ask again later".
type Table interface {
	Lookup(ctx context.Context, key string) (value string, found bool, err error)
}

// Resolver is what World asks the DNS.
type Resolver interface {
	MX(ctx context.Context, domain string) ([]dns.MX, error)
	Addrs(ctx context.Context, host string, want dns.Family) ([]netip.Addr, error)
}

// World is Env over the configured lists and tables. Safe for concurrent use.
type World struct {
	Networks Networks
	// Interfaces are the addresses of this machine that mtad listens on.
	Interfaces []netip.Addr
	Rewriter   *rewrite.Rewriter
	Resolver   Resolver
	// Local, VirtualAlias, VirtualMailbox and Relay list the recipients of their class
	// (local_recipient_maps, virtual_alias_maps, virtual_mailbox_maps,
	// relay_recipient_maps). nil: every user of the class is listed; of a virtual alias
	// domain, none is.
	Local, VirtualAlias, VirtualMailbox, Relay Table
	// Codes are unknown_local_recipient_reject_code and its like.
	LocalCode, VirtualAliasCode, VirtualMailboxCode, RelayCode int
	// UntrustedRouting is allow_untrusted_routing.
	UntrustedRouting bool
	// Delimiter is recipient_delimiter.
	Delimiter string
}

var _ Env = (*World)(nil)

// MyNetworks reports whether the address is in mynetworks.
func (w *World) MyNetworks(ctx context.Context, client netip.Addr) (bool, error) {
	return w.Networks.Match(ctx, client)
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

// AuthDestination reports whether mail for the recipient is for us or relayed for anybody. A
// local part with a route in it (user%remote, remote!user, user@remote) has no certain
// destination, unless it is read here: the site that we relay to may forward it to anywhere
// (postconf(5) allow_untrusted_routing).
func (w *World) AuthDestination(ctx context.Context, recipient string) (bool, error) {
	c, err := w.class(ctx, recipient)
	if c != rewrite.ClassLocal && !w.UntrustedRouting && routed(w.Rewriter.Standard(recipient)) {
		return false, err
	}
	return c != rewrite.ClassDefault, err
}

func routed(address string) bool {
	local, _, _ := addr.Split(address)
	return strings.ContainsAny(local, "@%!")
}

func (w *World) class(ctx context.Context, recipient string) (rewrite.Class, error) {
	_, domain, _ := addr.Split(w.Rewriter.Standard(recipient))
	return w.Rewriter.ClassOf(ctx, domain)
}

// Listed refuses a recipient that its class does not list. <postmaster> without a domain is
// always listed (RFC 5321 §4.5.1).
func (w *World) Listed(ctx context.Context, recipient string) *status.Error {
	if strings.EqualFold(recipient, "postmaster") {
		return nil
	}
	class, err := w.class(ctx, recipient)
	if err != nil {
		return status.From(err)
	}
	var t Table
	var code int
	var name string
	switch class {
	case rewrite.ClassLocal:
		t, code, name = w.Local, w.LocalCode, "local recipient"
	case rewrite.ClassVirtualAlias:
		t, code, name = w.VirtualAlias, w.VirtualAliasCode, "virtual alias"
		if t == nil {
			t = nobody{}
		}
	case rewrite.ClassVirtualMailbox:
		t, code, name = w.VirtualMailbox, w.VirtualMailboxCode, "virtual mailbox"
	case rewrite.ClassRelay:
		t, code, name = w.Relay, w.RelayCode, "relay recipient"
	}
	if t == nil {
		return nil
	}
	return w.listedIn(ctx, t, recipient, code, name, class == rewrite.ClassLocal)
}

func (w *World) listedIn(ctx context.Context, t Table, recipient string, code int, name string, bare bool) *status.Error {
	for _, key := range w.keys(recipient, bare) {
		_, found, err := t.Lookup(ctx, key)
		if err != nil {
			return status.New(451, "4.3.0", "<%s>: Temporary lookup failure", recipient).Because(err)
		}
		if found {
			return nil
		}
	}
	return status.New(code, class(code)+".1.1", "<%s>: Recipient address rejected: User unknown in %s table", recipient, name).
		By(strings.ReplaceAll(name, " ", "_") + "_maps")
}

// keys are what an address is looked up as, in order: with and without extension, whole and
// (bare) as a user name, and its domain.
func (w *World) keys(recipient string, bare bool) []string {
	whole := strings.ToLower(addr.Internal(w.Rewriter.Standard(recipient)))
	at := strings.LastIndexByte(whole, '@')
	user, domain := whole[:at], whole[at:]
	base, _, extended := addr.SplitExtension(user, w.Delimiter)
	keys := []string{whole}
	if extended {
		keys = append(keys, base+domain)
	}
	if bare {
		keys = append(keys, user)
		if extended {
			keys = append(keys, base)
		}
	}
	return append(keys, domain)
}

type nobody struct{}

// Lookup finds nothing.
func (nobody) Lookup(context.Context, string) (string, bool, error) { return "", false, nil }

// DomainExists reports whether a domain has MX or address records.
func (w *World) DomainExists(ctx context.Context, domain string) (bool, error) {
	_, err := w.Resolver.MX(ctx, domain)
	switch {
	case err == nil || errors.Is(err, dns.ErrNullMX):
		return true, nil
	case errors.Is(err, dns.ErrBadName):
		return false, nil
	case !errors.Is(err, dns.ErrNotFound):
		return false, err
	}
	_, err = w.Resolver.Addrs(ctx, domain, dns.Both)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, dns.ErrNotFound), errors.Is(err, dns.ErrBadName):
		return false, nil
	}
	return false, err
}
