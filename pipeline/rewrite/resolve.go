package rewrite

import (
	"context"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
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
	// RelayHost is relayhost, "" for none.
	RelayHost string
}

// Rewriter rewrites and resolves. Safe for concurrent use.
type Rewriter struct{ o Options }

var _ queue.Resolver = (*Rewriter)(nil)

// New returns a Rewriter.
func New(o Options) *Rewriter { return &Rewriter{o: o} }

// ClassOf returns the class of a domain (any case). An error is temporary.
func (r *Rewriter) ClassOf(ctx context.Context, domain string) (Class, error) {
	domain = strings.ToLower(domain)
	if strings.HasPrefix(domain, "[") {
		if a, ok := ParseLiteral(domain); ok && r.o.OwnAddress != nil && r.o.OwnAddress(a) {
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

// Resolve finds the route of a recipient whose address is in standard form.
func (r *Rewriter) Resolve(ctx context.Context, env *mail.Envelope, rc mail.Recipient) (queue.Route, error) {
	address := rc.Address
	if env.Filter != "" {
		return route(env.Filter, addr.Domain(address), address), nil
	}
	domain := addr.Domain(address)
	class, err := r.ClassOf(ctx, domain)
	if err != nil {
		return queue.Route{}, err
	}
	switch class {
	case ClassLocal:
		return route(r.o.LocalTransport, r.o.Hostname, address), nil
	case ClassVirtualAlias:
		return queue.Route{Transport: "error", Nexthop: "5.1.1 User unknown in virtual alias table", Recipient: address}, nil
	case ClassVirtualMailbox:
		return route(r.o.VirtualTransport, domain, address), nil
	case ClassRelay:
		return route(r.o.RelayTransport, r.nexthop(domain), address), nil
	}
	return route(r.o.DefaultTransport, r.nexthop(domain), address), nil
}

// nexthop is relayhost if there is one, else the domain itself.
func (r *Rewriter) nexthop(domain string) string {
	if r.o.RelayHost != "" {
		return r.o.RelayHost
	}
	return domain
}

// route reads "transport:nexthop"; an empty nexthop stands for the default one.
func route(spec, nexthop, recipient string) queue.Route {
	transport, hop, _ := strings.Cut(spec, ":")
	if hop == "" {
		hop = nexthop
	}
	return queue.Route{Transport: transport, Nexthop: hop, Recipient: recipient}
}
