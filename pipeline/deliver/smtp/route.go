package smtp

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/dns"
)

// smtpPort is the port on which being ourselves is a loop: whatever listens on another one of our
// ports is there on purpose.
const smtpPort = 25

// maxHosts bounds the mail exchangers of one destination that are looked up.
const maxHosts = 50

// endpoints returns where to connect to for a destination, in the order to try: at least one, or
// a failure.
func (a *Agent) endpoints(ctx context.Context, h *hop) ([]endpoint, *failure) {
	if h.path != "" {
		path := h.path
		if !filepath.IsAbs(path) && a.o.SocketDir != "" {
			path = filepath.Join(a.o.SocketDir, path)
		}
		return []endpoint{{host: a.o.Hostname, path: path, best: true}}, nil
	}
	r := routing{a: a, h: h, guard: h.port == smtpPort && !a.o.LMTP}
	if r.services(ctx) {
		return r.result()
	}
	if h.direct {
		r.only(ctx)
	} else {
		r.exchangers(ctx)
	}
	return r.result()
}

// routing collects the endpoints of one destination.
type routing struct {
	a     *Agent
	h     *hop
	guard bool

	found  []endpoint
	pref   uint16 // of the best exchangers
	why    *failure
	looped bool
	// exchanger: MX records name the hosts.
	exchanger bool
	// served is the port of a service's server, 0 for the destination's.
	served uint16
}

// port is the one to connect to.
func (r *routing) port() uint16 {
	if r.served != 0 {
		return r.served
	}
	return r.h.port
}

// only takes the destination for a host.
func (r *routing) only(ctx context.Context) {
	if addr, err := netip.ParseAddr(r.h.name); err == nil && r.h.direct {
		r.add(r.h.name, 0, []netip.Addr{addr.Unmap()})
	} else {
		r.host(ctx, r.h.name, 0)
	}
	if r.looped {
		r.found = nil
	}
	r.order(r.found)
}

// exchangers follows RFC 5321 §5.1: MX records by preference, or the domain itself as a host
// when it has none. What is behind ourselves is left out: mail must come nearer with each hop.
func (r *routing) exchangers(ctx context.Context) {
	mxs, err := r.a.o.Resolver.MX(ctx, r.h.name)
	switch s := dns.StatusOf(err); {
	case err == nil && len(mxs) > 0:
	case err == nil, s == dns.NXDomain, s == dns.NoData, s == dns.Disabled, s == dns.Failed && r.a.o.IgnoreMXErrors:
		// For a name that does not exist the address lookup says so, in the words that log
		// tools know.
		r.only(ctx)
		return
	default:
		r.why = lookupFailed(err)
		return
	}
	r.pref, r.exchanger = mxs[0].Pref, true
	for len(mxs) > 0 && !r.looped && !r.enough() {
		n := 1
		for n < len(mxs) && mxs[n].Pref == mxs[0].Pref {
			n++
		}
		r.equals(ctx, mxs[:n])
		mxs = mxs[n:]
	}
}

// equals adds the addresses of hosts of equal preference, in the order to try.
func (r *routing) equals(ctx context.Context, mxs []dns.MX) {
	start := len(r.found)
	for _, mx := range mxs[:min(len(mxs), maxHosts)] {
		r.host(ctx, mx.Host, mx.Pref)
	}
	if r.looped {
		r.found = r.found[:start]
		return
	}
	r.order(r.found[start:])
}

// host looks up the addresses of a host and adds them.
func (r *routing) host(ctx context.Context, name string, pref uint16) {
	if r.guard && r.a.own.name(name) {
		r.looped = true
		return
	}
	addrs, err := r.a.o.Resolver.Addrs(ctx, name, r.a.o.Protocols)
	if err != nil {
		r.note(lookupFailed(err))
		return
	}
	if r.a.o.CanonicalNames {
		name = r.canonical(ctx, name, addrs)
	}
	r.add(name, pref, addrs)
}

// canonical is the name at the end of a host's aliases, the host itself when that is not known.
func (r *routing) canonical(ctx context.Context, name string, addrs []netip.Addr) string {
	q, ok := r.a.o.Resolver.(SecureResolver)
	if !ok || len(addrs) == 0 {
		return name
	}
	t := dns.TypeA
	if addrs[0].Is6() {
		t = dns.TypeAAAA
	}
	if answer, err := q.Query(ctx, name, t); err == nil && answer.Name != "" {
		return answer.Name
	}
	return name
}

// note keeps the reason to give when nothing is found: a temporary one, if there is any.
func (r *routing) note(f *failure) {
	if r.why == nil || r.why.permanent() || !f.permanent() {
		r.why = f
	}
}

func (r *routing) add(name string, pref uint16, addrs []netip.Addr) {
	for _, addr := range addrs {
		if r.guard && r.a.own.addr(addr) {
			r.looped = true
			return
		}
		ap := netip.AddrPortFrom(addr, r.port())
		if slices.ContainsFunc(r.found, func(e endpoint) bool { return e.addr == ap }) {
			continue
		}
		r.found = append(r.found, endpoint{host: name, addr: ap, best: pref == r.pref, guard: r.guard, exchanger: r.exchanger})
	}
}

// order puts equals into the order to try: at random, so that the load is shared (RFC 5321 §5.1),
// and the preferred family first.
func (r *routing) order(es []endpoint) {
	if !r.a.o.KeepOrder {
		rand.Shuffle(len(es), func(i, j int) { es[i], es[j] = es[j], es[i] })
	}
	if p := r.a.o.Prefer; p == dns.IPv4 || p == dns.IPv6 {
		slices.SortStableFunc(es, func(x, y endpoint) int {
			return rank(&x, p) - rank(&y, p)
		})
	}
}

func rank(e *endpoint, prefer dns.Family) int {
	if e.addr.Addr().Is6() == (prefer == dns.IPv6) {
		return 0
	}
	return 1
}

// enough reports whether later exchangers cannot matter.
func (r *routing) enough() bool {
	limit := r.a.o.AddressLimit
	if limit <= 0 || len(r.found) < limit {
		return false
	}
	return r.a.o.Unbalanced || r.a.o.Protocols != dns.Both || mixed(r.found)
}

func mixed(es []endpoint) bool {
	six := func(e endpoint) bool { return e.addr.Addr().Is6() }
	four := func(e endpoint) bool { return !e.addr.Addr().Is6() }
	return slices.ContainsFunc(es, six) && slices.ContainsFunc(es, four)
}

// result applies the limits.
func (r *routing) result() ([]endpoint, *failure) {
	if len(r.found) > 0 {
		return r.limited(), nil
	}
	switch {
	case r.looped:
		f := permanent(550, "5.4.6", "mail for "+r.h.name+" loops back to myself")
		f.loops = true
		return nil, f
	case r.why == nil:
		return nil, temporary("4.4.3", "no address found for "+r.h.name)
	case r.a.o.DeferWithoutMXAddress && !r.h.direct:
		r.why.soften()
	}
	return nil, r.why
}

// limited cuts the list to smtp_mx_address_limit. A family that would fall out altogether keeps
// the last place (smtp_balance_inet_protocols): when one family is unreachable, the other one
// may not be.
func (r *routing) limited() []endpoint {
	limit := r.a.o.AddressLimit
	if limit <= 0 || len(r.found) <= limit {
		return r.found
	}
	kept := r.found[:limit]
	if r.a.o.Unbalanced || limit < 2 || mixed(kept) {
		return kept
	}
	six := kept[0].addr.Addr().Is6()
	for _, e := range r.found[limit:] {
		if e.addr.Addr().Is6() != six {
			kept[limit-1] = e
			break
		}
	}
	return kept
}

// ours are the names and addresses that mean us.
type ours struct {
	names map[string]bool
	addrs map[netip.Addr]bool
}

func newOurs(o *Options) ours {
	w := ours{map[string]bool{}, map[netip.Addr]bool{}}
	for _, n := range append([]string{o.Hostname}, o.OwnNames...) {
		w.names[strings.ToLower(strings.TrimSuffix(n, "."))] = true
	}
	for _, a := range o.OwnAddrs {
		w.addrs[a.Unmap().WithZone("")] = true
	}
	return w
}

func (w *ours) name(host string) bool {
	return w.names[strings.ToLower(strings.TrimSuffix(host, "."))]
}

func (w *ours) addr(a netip.Addr) bool { return w.addrs[a.Unmap().WithZone("")] }
