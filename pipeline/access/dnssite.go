package access

import (
	"context"
	"errors"
	"net/netip"

	"github.com/mtad/mtad/core/dns"
)

// DNSList is a list in the DNS of clients: "domain", or "domain=d.d.d.d" for some of its answers
// (postconf(5) reject_rbl_client).
type DNSList struct{ l dnsList }

// ParseDNSList reads the form that restrictions have.
func ParseDNSList(word string) (DNSList, error) {
	l, err := parseDNSList(word)
	return DNSList{l}, err
}

// Domain is the name of the list.
func (l *DNSList) Domain() string { return l.l.domain }

// Has asks whether a client is on the list. What the DNS does not answer is an error.
func (l *DNSList) Has(ctx context.Context, r Resolver, client netip.Addr) (bool, error) {
	list, err := r.Addrs(ctx, reversed(client)+"."+l.l.domain, dns.IPv4)
	switch {
	case errors.Is(err, dns.ErrNotFound), errors.Is(err, dns.ErrBadName):
		return false, nil
	case err != nil:
		return false, err
	}
	for _, a := range list {
		if l.l.match(a.Unmap()) {
			return true, nil
		}
	}
	return false, nil
}
