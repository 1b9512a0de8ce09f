package rewrite

import (
	"context"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/queue"
)

// Routes are the tables of routing.
type Routes struct {
	// Transport is transport_maps; ParentStyle says that a key example.com also matches what
	// is below it (parent_domain_matches_subdomains), else .example.com does.
	Transport   table.Maps
	ParentStyle bool
	// Relocated is relocated_maps; RelocatedPrefix is relocated_prefix_enable.
	Relocated       table.Maps
	RelocatedPrefix bool
	// SenderRelayHost and SenderTransport are sender_dependent_relayhost_maps and
	// sender_dependent_default_transport_maps; the null sender is looked up as
	// NullRelayHostKey and NullTransportKey.
	SenderRelayHost, SenderTransport   table.Maps
	NullRelayHostKey, NullTransportKey string
}

// Destination is where a recipient's mail goes.
type Destination struct {
	Class     Class
	Transport string
	Nexthop   string
	// Recipient is the address without routes over this machine: user%site@here is
	// user@site.
	Recipient string
	// Routed says that what is left has a route in its local part, for others to follow.
	Routed bool
	// Nowhere says that the address is a route over this machine that has no end, or one that commands
	// could take for an option.
	Nowhere bool
}

// UnknownAlias is what the error transport says of an address of a virtual alias domain that is no
// alias.
const UnknownAlias = "5.1.1 User unknown in virtual alias table"

// BadAddress is what the error transport says of an address that leads nowhere.
const BadAddress = "5.1.3 Bad address syntax"

// Resolve finds the route of a recipient whose address is in standard form.
func (r *Rewriter) Resolve(ctx context.Context, env *mail.Envelope, rc mail.Recipient) (queue.Route, error) {
	if env.Filter != "" {
		nexthop := r.o.FilterNexthop
		if nexthop == "" {
			nexthop = addr.Domain(rc.Address)
		}
		return route(env.Filter, nexthop, rc.Address), nil
	}
	d, err := r.Destination(ctx, env.Sender, rc.Address)
	if err != nil {
		return queue.Route{}, err
	}
	return queue.Route{Transport: d.Transport, Nexthop: d.Nexthop, Recipient: d.Recipient}, nil
}

// Destination resolves a recipient in standard form: the class of its domain gives transport and
// nexthop; sender-dependent tables, then transport_maps may change them; relocated_maps comes last.
// An error is temporary.
func (r *Rewriter) Destination(ctx context.Context, sender, recipient string) (Destination, error) {
	d, domain, err := r.strip(ctx, recipient)
	if err != nil {
		return d, err
	}
	if d.Class, err = r.ClassOf(ctx, domain); err != nil {
		return d, err
	}
	if d.Nowhere {
		d.Transport, d.Nexthop, d.Recipient = "error", BadAddress, recipient
		return d, nil
	}
	if err := r.classRoute(ctx, &d, sender, domain); err != nil {
		return d, err
	}
	if d.Class == ClassLocal && r.o.DoubleBounce != "" && strings.EqualFold(addr.Local(d.Recipient), r.o.DoubleBounce) {
		d.Transport, d.Nexthop = "discard", "undeliverable postmaster notification discarded"
		return d, nil
	}
	if err := r.transportRoute(ctx, &d, domain); err != nil {
		return d, err
	}
	f, err := r.Find(ctx, r.o.Routes.Relocated, d.Recipient)
	if f.OK {
		d.Transport, d.Nexthop = "error", f.Value
		if r.o.Routes.RelocatedPrefix {
			d.Nexthop = "5.1.6 User has moved to " + f.Value
		}
	}
	return d, err
}

// maxRoute bounds the routes over this machine that one address may have.
const maxRoute = 50

// strip follows routes over this machine: the domain is ours and the local part has another one,
// by user@site inside quotes, site!user or user%site.
func (r *Rewriter) strip(ctx context.Context, address string) (d Destination, domain string, err error) {
	for range maxRoute {
		local, dom, _ := addr.Split(address)
		ours, err := r.own(ctx, dom)
		if err != nil {
			return d, "", err
		}
		if !ours {
			break
		}
		next, ok := r.inner(local)
		if !ok {
			if user, open := r.endless(local); open {
				d.Nowhere = !r.o.NullDomain
				address = addr.Quote(user) + "@" + dom
			}
			break
		}
		address = next
	}
	if r.o.NumericDomain {
		address = withBrackets(address)
	}
	local, dom, _ := addr.Split(address)
	d.Nowhere = d.Nowhere || r.option(local)
	d.Recipient = address
	d.Routed = strings.ContainsAny(local, "@%!")
	return d, strings.ToLower(dom), nil
}

// inner returns the address that a local part holds.
func (r *Rewriter) inner(local string) (string, bool) {
	if strings.IndexByte(local, '"') >= 0 {
		if !r.o.Dequoted {
			return "", false
		}
		local = addr.Unquote(local)
	}
	if i := strings.LastIndexByte(local, '@'); i >= 0 {
		if i+1 == len(local) {
			return "", false
		}
		return r.Standard(addr.Quote(local[:i]) + "@" + local[i+1:]), true
	}
	user, domain := r.routing(local)
	if domain == "" {
		return "", false
	}
	return r.Standard(user + "@" + domain), true
}

// own reports whether a domain is in mydestination or an address literal of this machine.
func (r *Rewriter) own(ctx context.Context, domain string) (bool, error) {
	domain = strings.ToLower(domain)
	if strings.HasPrefix(domain, "[") {
		a, ok := ParseLiteral(domain)
		return ok && r.ownAddress(a), nil
	}
	if r.o.Local == nil {
		return false, nil
	}
	ok, err := r.o.Local.Match(ctx, domain)
	if err != nil {
		return false, status.From(err)
	}
	return ok, nil
}

func (r *Rewriter) ownAddress(a netip.Addr) bool { return r.o.OwnAddress != nil && r.o.OwnAddress(a) }

// classRoute sets what the class of the domain says.
func (r *Rewriter) classRoute(ctx context.Context, d *Destination, sender, domain string) error {
	switch d.Class {
	case ClassLocal:
		d.set(r.o.LocalTransport, r.o.Hostname)
		return nil
	case ClassVirtualAlias:
		d.Transport, d.Nexthop = "error", UnknownAlias
		return nil
	case ClassVirtualMailbox:
		d.set(r.o.VirtualTransport, domain)
		return nil
	}
	nexthop, err := r.relayHost(ctx, sender, domain)
	if err != nil {
		return err
	}
	if d.Class == ClassRelay {
		d.set(r.o.RelayTransport, nexthop)
		return nil
	}
	transport, err := r.senderTransport(ctx, sender)
	d.set(transport, nexthop)
	return err
}

// set reads "transport:nexthop"; an empty nexthop stands for the one given.
func (d *Destination) set(spec, nexthop string) {
	rt := route(spec, nexthop, "")
	d.Transport, d.Nexthop = rt.Transport, rt.Nexthop
}

// relayHost is the nexthop of mail for other systems: what the sender's entry says, relayhost, or
// the domain itself.
func (r *Rewriter) relayHost(ctx context.Context, sender, domain string) (string, error) {
	v, err := r.senderEntry(ctx, r.o.Routes.SenderRelayHost, sender, r.o.Routes.NullRelayHostKey)
	switch {
	case err != nil:
		return "", err
	case strings.EqualFold(v, "DUNNO"):
		return domain, nil
	case v != "":
		return v, nil
	case r.o.RelayHost != "":
		return r.o.RelayHost, nil
	}
	return domain, nil
}

func (r *Rewriter) senderTransport(ctx context.Context, sender string) (string, error) {
	v, err := r.senderEntry(ctx, r.o.Routes.SenderTransport, sender, r.o.Routes.NullTransportKey)
	if err != nil || v == "" || strings.EqualFold(v, "DUNNO") {
		return r.o.DefaultTransport, err
	}
	return v, nil
}

func (r *Rewriter) senderEntry(ctx context.Context, m table.Maps, sender, nullKey string) (string, error) {
	if len(m) == 0 {
		return "", nil
	}
	if sender == "" {
		v, _, err := readdress.Ask(ctx, m, nullKey, true)
		return v, err
	}
	f, err := r.Find(ctx, m, sender)
	return f.Value, err
}

// transportRoute asks transport_maps: the address, the address without extension, the domain, the
// domains above it, "*".
func (r *Rewriter) transportRoute(ctx context.Context, d *Destination, domain string) error {
	if len(r.o.Routes.Transport) == 0 {
		return nil
	}
	local, _, _ := addr.Split(d.Recipient)
	base, extension := r.site.SplitExtension(local)
	keys := [2]string{d.Recipient}
	if extension != "" {
		keys[1] = base + "@" + domain
	}
	for i, key := range keys {
		if key == "" {
			continue
		}
		v, ok, err := readdress.Ask(ctx, r.o.Routes.Transport, key, i == 0)
		if ok {
			d.entry(v, domain)
		}
		if ok || err != nil {
			return err
		}
	}
	return r.domainRoute(ctx, d, domain)
}

func (r *Rewriter) domainRoute(ctx context.Context, d *Destination, domain string) error {
	for key := domain; key != ""; key = r.above(key) {
		v, ok, err := readdress.Ask(ctx, r.o.Routes.Transport, key, false)
		if ok {
			d.entry(v, domain)
		}
		if ok || err != nil {
			return err
		}
	}
	v, ok, err := readdress.Ask(ctx, r.o.Routes.Transport, "*", true)
	if ok {
		d.entry(v, domain)
	}
	return err
}

// above is the key for the domain above the one of key.
func (r *Rewriter) above(key string) string {
	i := strings.IndexByte(key[1:], '.')
	if i < 0 {
		return ""
	}
	if r.o.Routes.ParentStyle {
		return key[i+2:]
	}
	return key[i+1:]
}

// entry applies an entry of transport_maps: ":" changes nothing, ":nexthop" keeps the transport,
// "transport:" or "transport" resets the nexthop to the recipient's domain.
func (d *Destination) entry(value, domain string) {
	transport, nexthop, _ := strings.Cut(value, ":")
	switch {
	case transport != "":
		d.Transport, d.Nexthop = transport, domain
		if nexthop != "" {
			d.Nexthop = nexthop
		}
	case nexthop != "":
		d.Nexthop = nexthop
	}
}

// route reads "transport:nexthop"; an empty nexthop stands for the default one.
func route(spec, nexthop, recipient string) queue.Route {
	transport, hop, _ := strings.Cut(spec, ":")
	if hop == "" {
		hop = nexthop
	}
	return queue.Route{Transport: transport, Nexthop: hop, Recipient: recipient}
}
