package smtp

import (
	"context"
	"errors"
	"net/netip"
	"strconv"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/tlspolicy"
)

// What stands in the way of DANE (RFC 7672 §2.2), in Postfix's words.
const (
	notSigned  = "non DNSSEC destination"
	noRecords  = "no TLSA records found"
	notUsable  = "TLSA records unusable"
	failedTLSA = "TLSA lookup error for "
)

// dane finds the TLSA records of a server. Without any, dane comes down to may, and to encrypt when
// there are some that cannot be used; dane-only defers. A failed lookup defers always: who can
// make lookups fail must not make mail go unprotected.
func (a *Agent) dane(ctx context.Context, p *policy, h *hop, e *endpoint) (*policy, *failure) {
	r, ok := a.o.Resolver.(SecureResolver)
	if !ok || e.path != "" || h.direct && isAddress(h.name) {
		return a.withoutDANE(p, h, e, levelMay, notSigned)
	}
	if e.exchanger {
		mx, err := r.Query(ctx, h.name, dns.TypeMX)
		if err != nil {
			return nil, daneTrouble(e, err)
		}
		if p.unsure = !mx.Secure; p.unsure && (p.level == levelDANEOnly || a.o.TLS.InsecureMX == levelNone || a.o.TLS.InsecureMX == levelMay) {
			return a.withoutDANE(p, h, e, or(a.o.TLS.InsecureMX, levelMay), notSigned)
		}
		if p.unsure && a.o.TLS.InsecureMX == levelEncrypt {
			return a.withoutDANE(p, h, e, levelEncrypt, notSigned)
		}
	}
	base, err := signedName(ctx, r, e)
	if err != nil {
		return nil, daneTrouble(e, err)
	}
	if base == "" && a.o.TLS.InsecureTLSA {
		base = e.host
	}
	if base == "" {
		return a.withoutDANE(p, h, e, levelMay, notSigned)
	}
	return a.findTLSA(ctx, r, p, h, e, base)
}

func or(s, other string) string {
	if s == "" || s == levelDANE {
		return other
	}
	return s
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// signedName returns the name that a host's signed address records belong to: its own, or the
// end of its aliases; "" when they are not signed. Addresses that the system's hosts file has are not.
func signedName(ctx context.Context, r SecureResolver, e *endpoint) (string, error) {
	t := dns.TypeA
	if e.addr.Addr().Is6() {
		t = dns.TypeAAAA
	}
	answer, err := r.Query(ctx, e.host, t)
	if errors.Is(err, dns.ErrNotFound) {
		return "", nil
	}
	if err != nil || !answer.Secure {
		return "", err
	}
	return answer.Name, nil
}

// findTLSA asks at the end of the aliases first, then at the host's own name (RFC 7672 §2.2.2).
func (a *Agent) findTLSA(ctx context.Context, r SecureResolver, p *policy, h *hop, e *endpoint, base string) (*policy, *failure) {
	names := []string{base}
	if base != e.host {
		names = append(names, e.host)
	}
	for _, name := range names {
		records, secure, err := r.TLSA(ctx, "_"+strconv.Itoa(int(e.addr.Port()))+"._tcp."+name)
		switch {
		case errors.Is(err, dns.ErrNotFound), err == nil && !secure:
			continue
		case err != nil:
			return nil, daneTrouble(e, err)
		}
		if p.tlsa = tlspolicy.Usable(records, a.o.TLS.Digests); len(p.tlsa) == 0 {
			return a.withoutDANE(p, h, e, levelEncrypt, notUsable)
		}
		// RFC 7672 §3.2.2: the names that a certificate below an authority may have.
		p.level, p.sni, p.match = levelDANE, name, []string{name, h.name}
		if e.host != name {
			p.match = append(p.match, e.host)
		}
		return p, nil
	}
	return a.withoutDANE(p, h, e, levelMay, noRecords)
}

// withoutDANE is what becomes of dane where it cannot be.
func (a *Agent) withoutDANE(p *policy, h *hop, e *endpoint, level, why string) (*policy, *failure) {
	if p.level == levelDANEOnly {
		f := temporary("4.7.5", why)
		f.relay = e.relay()
		return nil, f
	}
	p.level, p.match = level, nil
	if level == levelMay {
		p.versions = a.o.TLS.May
	}
	p.expand(h, e)
	return p, nil
}

func daneTrouble(e *endpoint, err error) *failure {
	f := temporary("4.7.5", failedTLSA+e.host+":"+strconv.Itoa(int(e.addr.Port())))
	f.cause, f.relay = err, e.relay()
	return f
}
