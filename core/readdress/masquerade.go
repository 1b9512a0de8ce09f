package readdress

import (
	"context"
	"strings"

	"github.com/mtad/mtad/core/addr"
	"github.com/mtad/mtad/core/status"
)

// Masquerade is masquerade_domains: it hides hosts below a domain. The zero Masquerade changes nothing.
type Masquerade struct {
	// Domains is masquerade_domains. The first entry that matches decides, "!" keeps the address
	// as it is; a domain that is listed itself is left alone.
	Domains []string
	// Exceptions lists user names in lower case, nil for none (masquerade_exceptions).
	Exceptions Matcher
}

// Matcher is a list of names with tables in it. An error is temporary.
type Matcher interface {
	Match(ctx context.Context, name string) (bool, error)
}

// Apply returns the address as it is to be. An error is a *status.Error and temporary.
func (m *Masquerade) Apply(ctx context.Context, address string) (string, error) {
	if len(m.Domains) == 0 {
		return address, nil
	}
	local, domain, ok := addr.Split(address)
	if !ok {
		return address, nil
	}
	if m.Exceptions != nil {
		excepted, err := m.Exceptions.Match(ctx, strings.ToLower(addr.Unquote(local)))
		if err != nil {
			return "", status.New(451, "4.3.0", "<%s>: Temporary lookup failure", address).By("masquerade_exceptions").Because(err)
		}
		if excepted {
			return address, nil
		}
	}
	if parent := masqueradeParent(m.Domains, strings.ToLower(domain)); parent != "" {
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
