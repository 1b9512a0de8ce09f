package dns

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

var errNative = errors.New("the system's resolver looks up hosts only")

// nativeTimeout is how long a lookup by the system may take when its context allows more: the
// time of resolv.conf(5)'s defaults with three servers.
const nativeTimeout = 30 * time.Second

// Native looks hosts up as the system does: /etc/hosts, nsswitch.conf's order, the search list
// (smtp_host_lookup=native). It has the methods of Resolver, and nothing to say about MX, TXT and
// other records (smtp_dns_support_level=disabled). It keeps nothing. Safe for concurrent use.
type Native struct {
	sys *net.Resolver
}

// NewNative returns a resolver that asks the system, by way of Go's own reading of the system's
// files, never through the C library.
func NewNative() *Native { return newNative(nil) }

// newNative lets tests say where queries go; nil: where the system's files say.
func newNative(dial func(ctx context.Context, network, address string) (net.Conn, error)) *Native {
	// StrictErrors: without it, a search list can turn a failure into "not found".
	return &Native{sys: &net.Resolver{PreferGo: true, StrictErrors: true, Dial: dial}}
}

// Addrs is like Resolver.Addrs. The system does not tell NXDomain and NoData apart: a host that is
// not found is NXDomain.
func (n *Native) Addrs(ctx context.Context, host string, want Family) ([]netip.Addr, error) {
	return inFamilies(ctx, host, want, n.addrs)
}

func (n *Native) addrs(ctx context.Context, host string, family Family) ([]netip.Addr, error) {
	t, network := typeOf(family), "ip4"
	if family == IPv6 {
		network = "ip6"
	}
	name, err := queryName(host)
	if err != nil {
		return nil, &Error{Status: BadName, Name: host, Type: t, Cause: err}
	}
	if !strings.HasSuffix(host, ".") {
		name = strings.TrimSuffix(name, ".")
	}
	ctx, cancel := context.WithTimeout(ctx, nativeTimeout)
	defer cancel()
	found, err := n.sys.LookupNetIP(ctx, network, name)
	if err != nil {
		return nil, systemError(name, t, err)
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	found = slices.DeleteFunc(found, func(a netip.Addr) bool { return familyOf(a) != family })
	if len(found) == 0 {
		return nil, &Error{Status: NoData, Name: trimDot(name), Type: t}
	}
	return found[:min(len(found), maxRecords)], nil
}

// PTR is like Resolver.PTR, but an answer that holds only names that must not be used is Failed: the
// system does not tell it from other failures.
func (n *Native) PTR(ctx context.Context, addr netip.Addr) ([]string, error) {
	addr = addr.Unmap().WithZone("")
	if !addr.IsValid() {
		return nil, &Error{Status: BadName, Name: addr.String(), Type: TypePTR, Cause: errEmptyName}
	}
	ctx, cancel := context.WithTimeout(ctx, nativeTimeout)
	defer cancel()
	claimed, err := n.sys.LookupAddr(ctx, addr.String())
	if err != nil && len(claimed) == 0 { // names beside an error are the good ones among bad
		return nil, systemError(addr.String(), TypePTR, err)
	}
	var names []string
	for _, c := range claimed {
		if name := trimDot(c); isHostName(name) && !isNumeric(name) && len(names) < maxRecords {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, &Error{Status: BadAnswer, Name: addr.String(), Type: TypePTR, Cause: errUnsafeNames}
	}
	return names, nil
}

// MX always fails with ErrDisabled: mail goes to the host that has the domain's name.
func (n *Native) MX(_ context.Context, domain string) ([]MX, error) {
	return nil, disabled(domain, TypeMX)
}

// TXT always fails with ErrDisabled.
func (n *Native) TXT(_ context.Context, name string) ([]string, error) {
	return nil, disabled(name, TypeTXT)
}

// TLSA always fails with ErrDisabled.
func (n *Native) TLSA(_ context.Context, name string) ([]TLSA, bool, error) {
	return nil, false, disabled(name, TypeTLSA)
}

// Query always fails with ErrDisabled.
func (n *Native) Query(_ context.Context, name string, t Type) (Answer, error) {
	return Answer{}, disabled(name, t)
}

func disabled(name string, t Type) *Error {
	return &Error{Status: Disabled, Name: trimDot(name), Type: t, Cause: errNative}
}

// systemError sorts an error of package net: only one that says "not found" in so many words is.
func systemError(name string, t Type, err error) *Error {
	e := &Error{Status: Failed, Name: trimDot(name), Type: t, Cause: err}
	var d *net.DNSError
	if errors.As(err, &d) && d.IsNotFound && !d.IsTemporary && !d.IsTimeout {
		e.Status = NXDomain
	}
	return e
}
