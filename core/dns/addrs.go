package dns

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	wire "github.com/miekg/dns"
)

var errNoFamily = errors.New("no address in a family that is wanted")

// Addrs returns the addresses of host in the wanted families: IPv4 before IPv6, each family in the
// order of the answer, at most 100 of each. A host in text form is its own address. When one
// family is found and the other fails, what was found counts; when one fails and the other is
// not found, the lookup has failed. With Options.Hosts, a host that the file lists has the
// addresses of the file and no others. The result is the caller's to keep.
func (r *Resolver) Addrs(ctx context.Context, host string, want Family) ([]netip.Addr, error) {
	return inFamilies(ctx, host, want, r.addrs)
}

// addrs looks host up in one family.
func (r *Resolver) addrs(ctx context.Context, host string, family Family) ([]netip.Addr, error) {
	t := typeOf(family)
	if r.hosts != nil {
		h, err := r.hosts.get()
		if err != nil {
			return nil, &Error{Status: Failed, Name: trimDot(host), Type: t, Cause: err}
		}
		if name, err := queryName(host); err == nil {
			if found, listed := h.lookup(name, family); listed {
				return found, noneIn(found, name, t)
			}
		}
	}
	if r.view.NativeOnly && r.view.Native != nil {
		return r.view.Native.addrs(ctx, host, family)
	}
	e, err := r.lookup(ctx, host, t)
	if err != nil {
		return r.native(ctx, host, family, nil, err)
	}
	return e.addrs()
}

// noneIn returns NoData for a name that the hosts file has in the other family only.
func noneIn(found []netip.Addr, name string, t Type) error {
	if len(found) > 0 {
		return nil
	}
	return &Error{Status: NoData, Name: trimDot(name), Type: t, Cause: errNoFamily}
}

// addrs returns the addresses in e. IPv4 in IPv6's clothes (RFC 4291 §2.5.5.2) is no address of
// a host on the net.
func (e *entry) addrs() ([]netip.Addr, error) {
	found := make([]netip.Addr, 0, len(e.records))
	for _, rr := range e.records {
		var a netip.Addr
		switch rr := rr.(type) {
		case *wire.A:
			a, _ = netip.AddrFromSlice(rr.A.To4())
		case *wire.AAAA:
			a, _ = netip.AddrFromSlice(rr.AAAA)
		}
		if a.IsValid() && !a.Is4In6() && !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return nil, e.q.fail(BadAnswer, "", errUnsafeNames)
	}
	return found, nil
}

// inFamilies runs lookup for each wanted family, both at once, and joins the outcomes.
func inFamilies(ctx context.Context, host string, want Family,
	lookup func(context.Context, string, Family) ([]netip.Addr, error)) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return numeric(a, host, want)
	}
	switch want & Both {
	case 0:
		return nil, &Error{Status: NoData, Name: trimDot(host), Type: TypeA, Cause: errNoFamily}
	case IPv4, IPv6:
		return lookup(ctx, host, want&Both)
	}
	var addrs6 []netip.Addr
	var err6 error
	done := make(chan struct{})
	go func() {
		defer close(done)
		addrs6, err6 = lookup(ctx, host, IPv6)
	}()
	addrs4, err4 := lookup(ctx, host, IPv4)
	<-done
	return join(addrs4, err4, addrs6, err6)
}

// join gives both families' outcome. Found beats failed beats not found: an error is not "no".
func join(addrs4 []netip.Addr, err4 error, addrs6 []netip.Addr, err6 error) ([]netip.Addr, error) {
	switch {
	case err4 == nil || err6 == nil:
		return append(addrs4, addrs6...), nil
	case StatusOf(err6) == Failed:
		return nil, err6
	case StatusOf(err4) == NoData && StatusOf(err6) == BadAnswer:
		return nil, err6
	}
	return nil, err4
}

// numeric returns a itself, if its family is wanted.
func numeric(a netip.Addr, host string, want Family) ([]netip.Addr, error) {
	a = a.Unmap()
	if familyOf(a)&want == 0 {
		return nil, &Error{Status: NoData, Name: host, Type: typeOf(want), Cause: errNoFamily}
	}
	return []netip.Addr{a}, nil
}

func typeOf(f Family) Type {
	if f == IPv6 {
		return TypeAAAA
	}
	return TypeA
}
