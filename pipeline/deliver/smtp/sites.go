package smtp

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// site returns the level that smtp_tls_per_site has for a destination and a server, or else the one for
// all. Of two entries the more specific one counts (anything against MAY), of those the safer one.
func (t *TLS) site(ctx context.Context, destination, server string) (string, error) {
	order := []string{"", levelMay, levelNone, levelEncrypt, levelVerify}
	found := ""
	for _, name := range []string{destination, server} {
		word, ok, err := t.PerSite.Lookup(ctx, strings.ToLower(name))
		if err != nil {
			return "", fmt.Errorf("smtp_tls_per_site: lookup of %s: %w", name, err)
		}
		if !ok {
			continue
		}
		level, known := map[string]string{"NONE": levelNone, "MAY": levelMay, "MUST_NOPEERMATCH": levelEncrypt, "MUST": levelVerify}[strings.ToUpper(word)]
		if !known {
			return "", fmt.Errorf("smtp_tls_per_site: unknown TLS policy %q for %s", word, name)
		}
		if slices.Index(order, level) > slices.Index(order, found) {
			found = level
		}
	}
	if found == "" || found == levelMay && t.Level != levelNone {
		return t.Level, nil
	}
	return found, nil
}

// admits says why a server is none of those that the destination's policy of MTA-STS allows (RFC 8461
// §4.1); nil when it is, or there is no such policy.
func (p *policy) admits(h *hop, e *endpoint) *failure {
	if len(p.hosts) == 0 || slices.ContainsFunc(p.hosts, func(pattern string) bool { return fits(pattern, strings.ToLower(e.host)) }) {
		return nil
	}
	f := temporary("4.7.5", "host "+e.named()+" is none that the MTA-STS policy of "+h.name+" allows")
	f.relay = e.relay()
	return f
}

// fits reports whether a name is what a pattern means: that name, or one label more than what follows
// "*.".
func fits(pattern, name string) bool {
	below, wild := strings.CutPrefix(pattern, "*.")
	if !wild {
		return pattern == name
	}
	_, parent, ok := strings.Cut(name, ".")
	return ok && parent == below
}
