package rewrite

import (
	"context"
	"net/netip"
	"strings"

	"github.com/mtad/mtad/core/addr"
)

// Resolvable reports whether an address, as it was given, leads anywhere: it is no route over this
// machine without an end, such as "user@"@here or user%@here, unless resolve_null_domain takes those, and
// does not begin with "-", unless allow_min_user lets it.
// An error is temporary.
func (r *Rewriter) Resolvable(ctx context.Context, address string) (bool, error) {
	local, _, ok := addr.Split(address)
	if r.option(local) {
		return false, nil
	}
	if r.o.NullDomain {
		return true, nil
	}
	if _, open := r.endless(local); !ok || !open {
		return true, nil
	}
	d, _, err := r.strip(ctx, r.Standard(address))
	return !d.Nowhere, err
}

// option reports whether a command could take an address with this local part for an option
// (allow_min_user).
func (r *Rewriter) option(local string) bool {
	return !r.o.MinUser && (strings.HasPrefix(local, "-") || strings.HasPrefix(local, `"-`))
}

// endless takes the end off a local part that is a route to nowhere.
func (r *Rewriter) endless(local string) (user string, ok bool) {
	if strings.IndexByte(local, '"') >= 0 {
		if !r.o.Dequoted {
			return "", false
		}
		local = addr.Unquote(local)
	}
	n := len(local) - 1
	if n > 0 && (local[n] == '@' || local[n] == '%' && r.o.PercentHack) {
		return local[:n], true
	}
	return "", false
}

// withBrackets is user@[1.2.3.4] for user@1.2.3.4.
func withBrackets(address string) string {
	local, domain, ok := addr.Split(address)
	if !ok || domain == "" || domain[0] < '0' || domain[0] > '9' {
		return address
	}
	if a, err := netip.ParseAddr(domain); err != nil || !a.Is4() {
		return address
	}
	return local + "@[" + domain + "]"
}
