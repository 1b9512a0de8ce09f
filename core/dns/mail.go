package dns

import (
	"context"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	wire "github.com/miekg/dns"
)

// MX returns the mail exchangers of domain, best preference first, those of equal preference in
// the order of the answer, at least one, at most 100. A domain without MX records is ErrNotFound:
// RFC 5321 §5.1 lets the caller take the domain itself as the host, unless Status is NXDomain. A
// domain that takes no mail is ErrNullMX. The result is the caller's to keep.
func (r *Resolver) MX(ctx context.Context, domain string) ([]MX, error) {
	e, err := r.lookup(ctx, domain, TypeMX)
	if err != nil {
		return nil, err
	}
	hosts := make([]MX, 0, len(e.records))
	null := false
	for _, rr := range e.records {
		mx, ok := rr.(*wire.MX)
		if !ok {
			continue
		}
		host := trimDot(mx.Mx)
		null = null || host == ""
		same := func(m MX) bool { return m.Host == host }
		if isHostName(host) && !slices.ContainsFunc(hosts, same) {
			hosts = append(hosts, MX{Host: host, Pref: mx.Preference})
		}
	}
	if len(hosts) > 0 {
		return hosts, nil
	}
	status, cause := BadAnswer, errUnsafeNames
	if null {
		status, cause = NullMX, nil
	}
	return nil, e.q.fail(status, "", cause)
}

// PTR returns the names that the reverse zone gives addr, in the order of the answer, at most 100.
// They are claims of whoever owns the address: believe one only when Addrs of it, asked for addr's
// own family, holds addr, and take a failure of that lookup for a failure, not for a mismatch.
// With Options.Hosts the file is consulted first. The result is the caller's to keep.
func (r *Resolver) PTR(ctx context.Context, addr netip.Addr) ([]string, error) {
	addr = addr.Unmap().WithZone("")
	reverse, err := wire.ReverseAddr(addr.String())
	if err != nil {
		return nil, &Error{Status: BadName, Name: addr.String(), Type: TypePTR, Cause: err}
	}
	if r.hosts != nil {
		h, err := r.hosts.get()
		if err != nil {
			return nil, &Error{Status: Failed, Name: trimDot(reverse), Type: TypePTR, Cause: err}
		}
		if names := h.names[addr]; len(names) > 0 {
			return slices.Clone(names), nil
		}
	}
	e, err := r.lookup(ctx, reverse, TypePTR)
	if err != nil {
		return nil, err
	}
	return clientNames(e)
}

// clientNames returns the names in e that may be a client's. An address in text form is none: in a
// log it would pass for the address of another client.
func clientNames(e *entry) ([]string, error) {
	var names []string
	for _, rr := range e.records {
		ptr, ok := rr.(*wire.PTR)
		if !ok {
			continue
		}
		name := trimDot(ptr.Ptr)
		if isHostName(name) && !isNumeric(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, e.q.fail(BadAnswer, "", errUnsafeNames)
	}
	return names, nil
}

// TXT returns the texts that name has, each joined from its parts without anything between (RFC
// 7208 §3.3, RFC 6376 §3.6.2.2), at most 100 of up to 64 KiB. They are a stranger's bytes, control
// bytes included: clean them before they are logged or sent. The result is the caller's to keep.
func (r *Resolver) TXT(ctx context.Context, name string) ([]string, error) {
	e, err := r.lookup(ctx, name, TypeTXT)
	if err != nil {
		return nil, err
	}
	texts := make([]string, 0, len(e.records))
	for _, rr := range e.records {
		if txt, ok := rr.(*wire.TXT); ok {
			texts = append(texts, unescape(strings.Join(txt.Txt, "")))
		}
	}
	return texts, nil
}

// TLSA returns the TLSA records of name ("_25._tcp.mx.example.com"), at most 100. secure reports
// that the server validated the answer; RFC 7672 §2.2 lets nobody use the records otherwise, and
// takes a failed lookup for a reason to defer.
func (r *Resolver) TLSA(ctx context.Context, name string) (records []TLSA, secure bool, err error) {
	e, err := r.lookup(ctx, name, TypeTLSA)
	if err != nil {
		return nil, false, err
	}
	for _, rr := range e.records {
		t, ok := rr.(*wire.TLSA)
		if !ok {
			continue
		}
		if data, err := hex.DecodeString(t.Certificate); err == nil {
			records = append(records, TLSA{t.Usage, t.Selector, t.MatchingType, data})
		}
	}
	return records, e.secure, nil
}
