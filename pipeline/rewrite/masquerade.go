package rewrite

import (
	"context"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/status"
)

// masquerade hides hosts below a domain of masquerade_domains. The first entry that matches
// decides, "!" keeps the address as it is; a domain that is listed itself is left alone.
func (r *Rewriter) masquerade(ctx context.Context, place Classes, address string) (string, error) {
	m := &r.o.Maps
	if len(m.MasqueradeDomains) == 0 || m.MasqueradeClasses&place == 0 {
		return address, nil
	}
	local, domain, ok := addr.Split(address)
	if !ok {
		return address, nil
	}
	if m.MasqueradeExceptions != nil {
		excepted, err := m.MasqueradeExceptions.Match(ctx, strings.ToLower(addr.Unquote(local)))
		if err != nil {
			return "", status.New(451, "4.3.0", "<%s>: Temporary lookup failure", address).By("masquerade_exceptions").Because(err)
		}
		if excepted {
			return address, nil
		}
	}
	if parent := masqueradeParent(m.MasqueradeDomains, strings.ToLower(domain)); parent != "" {
		return local + "@" + parent, nil
	}
	return address, nil
}

// masqueradeParent returns the listed domain that takes the place of domain, "" for none.
func masqueradeParent(list []string, domain string) string {
	for _, entry := range list {
		parent := strings.TrimLeft(entry, "!")
		keep := (len(entry)-len(parent))%2 == 1
		parent = strings.ToLower(parent)
		switch {
		case domain == parent:
			return ""
		case strings.HasSuffix(domain, "."+parent):
			if keep {
				return ""
			}
			return parent
		}
	}
	return ""
}
