package smtp

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/mtad/mtad/core/dns"
)

// serviceResolver is a Resolver that knows services; use_srv_lookup needs it.
type serviceResolver interface {
	SRV(ctx context.Context, name string) ([]dns.SRV, error)
}

// services follows the SRV records of a destination "domain:service" whose service is one of
// use_srv_lookup (RFC 6186 §3.4). It reports false when the destination is to be found otherwise.
func (r *routing) services(ctx context.Context) bool {
	h, o := r.h, &r.a.o
	q, ok := o.Resolver.(serviceResolver)
	if !ok || h.service == "" || h.literal || !slices.ContainsFunc(o.Services, func(s string) bool { return strings.EqualFold(s, h.service) }) {
		return false
	}
	servers, err := q.SRV(ctx, "_"+strings.ToLower(h.service)+"._tcp."+h.name)
	switch {
	case err == nil:
	case errors.Is(err, dns.ErrNullMX):
		r.why = permanent(550, "5.1.0", "Domain "+h.name+" does not offer the service "+h.service+" (null SRV)")
		return true
	case o.SRVFallback, !errors.Is(err, dns.ErrNotFound) && o.IgnoreSRVErrors:
		return false
	default:
		r.why = lookupFailed(err)
		return true
	}
	for i, s := range inTurn(servers) {
		if r.enough() {
			break
		}
		if i == 0 {
			r.pref = s.Priority
		}
		r.served = s.Port
		start := len(r.found)
		r.host(ctx, s.Host, s.Priority)
		r.order(r.found[start:])
	}
	return true
}

// inTurn brings servers into the order to try: by priority, and among equals at random so that each
// gets its share (RFC 2782).
func inTurn(servers []dns.SRV) []dns.SRV {
	servers = slices.Clone(servers)
	slices.SortStableFunc(servers, func(a, b dns.SRV) int { return int(a.Priority) - int(b.Priority) })
	for rest := servers; len(rest) > 0; rest = rest[1:] {
		sum, n := 0, 0
		for n < len(rest) && rest[n].Priority == rest[0].Priority {
			sum += int(rest[n].Weight)
			n++
		}
		next, at := rand.IntN(sum+1), 0
		for next -= int(rest[0].Weight); next > 0 && at+1 < n; {
			at++
			next -= int(rest[at].Weight)
		}
		chosen := rest[at]
		copy(rest[1:at+1], rest[:at])
		rest[0] = chosen
	}
	return servers[:min(len(servers), maxHosts)]
}
