package rewrite

import (
	"strings"

	"github.com/mtad/mtad/core/addr"
)

// Standard brings an address to standard form: site!user becomes user@site (swap_bangpath) and
// user%site becomes user@site (allow_percent_hack) where there is no domain; a missing domain is
// completed with myorigin (append_at_myorigin), one without a dot with mydomain
// (append_dot_mydomain); a trailing dot goes. The null address stays null.
func (r *Rewriter) Standard(address string) string {
	if address == "" {
		return ""
	}
	return r.standard(address, r.o.Origin, r.o.Domain)
}

func (r *Rewriter) standard(address, origin, parent string) string {
	local, domain, ok := addr.Split(address)
	if !ok || domain == "" {
		if local, domain = r.routing(local); domain == "" {
			return local + "@" + origin
		}
		address = local + "@" + domain
	}
	trimmed := domain
	if strings.HasSuffix(domain, ".") && !strings.HasSuffix(domain, "..") {
		trimmed = domain[:len(domain)-1]
	}
	switch {
	case trimmed == "":
		return local + "@" + origin
	case r.o.AppendDotMyDomain && trimmed[0] != '[' && strings.IndexByte(trimmed, '.') < 0:
		return local + "@" + trimmed + "." + parent
	case len(trimmed) != len(domain):
		return local + "@" + trimmed
	}
	return address
}

// routing reads the domain that a local part has in the manner of UUCP (site!user) or of the
// percent hack (user%site); domain is "" when it has none.
func (r *Rewriter) routing(local string) (user, domain string) {
	if strings.IndexByte(local, '"') >= 0 {
		return local, ""
	}
	if i := strings.IndexByte(local, '!'); r.o.SwapBangpath && i > 0 && i+1 < len(local) {
		return local[i+1:], local[:i]
	}
	if i := strings.LastIndexByte(local, '%'); r.o.PercentHack && i > 0 && i+1 < len(local) {
		return local[:i], local[i+1:]
	}
	return local, ""
}
