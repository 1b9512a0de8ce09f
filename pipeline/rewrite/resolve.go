package rewrite

import (
	"context"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/queue"
)

// Class is the address class of a recipient domain.
type Class uint8

// The classes, in the order in which they are tried.
const (
	ClassDefault Class = iota
	ClassLocal
	ClassVirtualAlias
	ClassVirtualMailbox
	ClassRelay
)

// Domains is a list of domains or networks with tables in it (mydestination, relay_domains).
type Domains interface {
	// Match reports whether the domain (lower case) is in the list; an error is temporary.
	Match(ctx context.Context, domain string) (bool, error)
}

// Options of a Rewriter.
type Options struct {
	// Origin and Domain are myorigin and mydomain.
	Origin, Domain    string
	AppendDotMyDomain bool
	// SwapBangpath and PercentHack are swap_bangpath and allow_percent_hack; Dequoted is
	// resolve_dequoted_address.
	SwapBangpath, PercentHack, Dequoted bool
	// NullDomain is resolve_null_domain: a route over this machine that has no end (user@ inside
	// quotes, user%) is for a user of this machine; else it leads nowhere. NumericDomain is
	// resolve_numeric_domain: user@1.2.3.4 is user@[1.2.3.4].
	NullDomain, NumericDomain bool
	// MinUser is allow_min_user; without it, addresses that begin with "-" lead nowhere: commands could take
	// them for options.
	MinUser bool
	// EmptyRecipient is empty_address_recipient.
	EmptyRecipient string
	// DoubleBounce is double_bounce_sender: local mail for it is discarded.
	DoubleBounce string
	// Delimiter is recipient_delimiter.
	Delimiter string
	// The lists that make the classes. A nil list is empty.
	Local, VirtualAlias, VirtualMailbox, Relay Domains
	// OwnAddress reports whether an address literal is ours (inet_interfaces,
	// proxy_interfaces).
	OwnAddress func(netip.Addr) bool
	// The transports of the classes, "name" or "name:nexthop": local_transport,
	// virtual_transport, relay_transport, default_transport.
	LocalTransport, VirtualTransport, RelayTransport, DefaultTransport string
	// Hostname is myhostname: the nexthop of local mail.
	Hostname string
	// FilterNexthop is default_filter_nexthop: the nexthop of a filter that names none, "" for the
	// recipient's domain.
	FilterNexthop string
	// RelayHost is relayhost, "" for none.
	RelayHost string
	// Routes are the tables that decide before the classes do.
	Routes Routes
	// Maps are the tables that rewrite addresses.
	Maps Maps
}

// Rewriter rewrites and resolves. Safe for concurrent use.
type Rewriter struct {
	o          Options
	site       readdress.Site
	masquerade readdress.Masquerade
}

var _ queue.Resolver = (*Rewriter)(nil)

// New returns a Rewriter.
func New(o Options) *Rewriter {
	r := &Rewriter{o: o, masquerade: readdress.Masquerade{Domains: o.Maps.MasqueradeDomains}}
	if e := o.Maps.MasqueradeExceptions; e != nil {
		r.masquerade.Exceptions = e
	}
	r.site = readdress.Site{Origin: o.Origin, Delimiter: o.Delimiter, Own: r.own, Standard: r.Standard}
	return r
}

// Site returns what lookups of addresses have to know of this system. It must not be changed.
func (r *Rewriter) Site() *readdress.Site { return &r.site }

// ClassOf returns the class of a domain (any case). An error is temporary.
func (r *Rewriter) ClassOf(ctx context.Context, domain string) (Class, error) {
	domain = strings.ToLower(domain)
	if strings.HasPrefix(domain, "[") {
		if a, ok := ParseLiteral(domain); ok && r.ownAddress(a) {
			return ClassLocal, nil
		}
		return ClassDefault, nil
	}
	for _, c := range [...]struct {
		list  Domains
		class Class
	}{{r.o.Local, ClassLocal}, {r.o.VirtualAlias, ClassVirtualAlias},
		{r.o.VirtualMailbox, ClassVirtualMailbox}, {r.o.Relay, ClassRelay}} {
		if c.list == nil {
			continue
		}
		found, err := c.list.Match(ctx, domain)
		if err != nil {
			return 0, status.From(err)
		}
		if found {
			return c.class, nil
		}
	}
	return ClassDefault, nil
}

// ParseLiteral reads an address literal, "[1.2.3.4]" or "[IPv6:2001:db8::1]" (RFC 5321 §4.1.3).
func ParseLiteral(s string) (netip.Addr, bool) {
	if len(s) < 3 || s[0] != '[' || s[len(s)-1] != ']' {
		return netip.Addr{}, false
	}
	s = s[1 : len(s)-1]
	if len(s) > 5 && strings.EqualFold(s[:5], "ipv6:") {
		s = s[5:]
	}
	a, err := netip.ParseAddr(s)
	return a, err == nil && a.Zone() == ""
}
