package rewrite

import (
	"strings"

	"github.com/mtad/mtad/core/addr"
)

// Standard brings an address to standard form: a missing domain is completed with myorigin
// (append_at_myorigin), one without a dot with mydomain (append_dot_mydomain), trailing dots go.
// The null address stays null.
func (r *Rewriter) Standard(address string) string {
	if address == "" {
		return ""
	}
	local, domain, ok := addr.Split(address)
	trimmed := strings.TrimSuffix(domain, ".")
	switch {
	case !ok || trimmed == "":
		return local + "@" + r.o.Origin
	case r.o.AppendDotMyDomain && trimmed[0] != '[' && strings.IndexByte(trimmed, '.') < 0:
		return local + "@" + trimmed + "." + r.o.Domain
	case len(trimmed) != len(domain):
		return local + "@" + trimmed
	}
	return address
}
