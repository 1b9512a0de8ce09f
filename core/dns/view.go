package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	wire "github.com/miekg/dns"
)

// ViewOptions say in what a view differs from the Resolver it is made of.
type ViewOptions struct {
	// DefNames completes names without a dot with the first domain of the search list, Search
	// all names with all of its domains (res_defnames and res_dnsrch of
	// smtp_dns_resolver_options).
	DefNames, Search bool
	// Native asks the system for hosts: instead of the DNS with NativeOnly, else for those
	// that are not in the DNS (smtp_host_lookup = native; dns, native). nil: hosts are in the DNS
	// only.
	Native     *Native
	NativeOnly bool
	// Filter is asked about each record of type MX, A, AAAA, SRV and TLSA, in the form
	// "name ttl IN type data", and says whether it counts (smtp_dns_reply_filter). An error is a
	// failed lookup. nil: all count. It must be safe for concurrent use.
	Filter func(ctx context.Context, record string) (ignore bool, err error)
}

// View returns a Resolver that asks the same servers and shares the cache, and looks at it as o says.
// Options.Hosts and Options.Search of r do not hold for it.
func (r *Resolver) View(o ViewOptions) *Resolver {
	return &Resolver{opts: r.opts, common: r.common, view: o}
}

var errFiltered = errors.New("the filter of DNS replies drops all records")

// filtered returns e with the records that count. What is cached is what the servers said.
func (r *Resolver) filtered(ctx context.Context, e *entry) (*entry, error) {
	if r.view.Filter == nil {
		return e, nil
	}
	switch Type(e.q.qtype) {
	case TypeMX, TypeA, TypeAAAA, TypeSRV, TypeTLSA:
	default:
		return e, nil
	}
	kept := *e
	kept.records = make([]wire.RR, 0, len(e.records))
	for _, rr := range e.records {
		ignore, err := r.view.Filter(ctx, strings.ReplaceAll(rr.String(), "\t", " "))
		if err != nil {
			return nil, e.q.fail(Failed, "", fmt.Errorf("the filter of DNS replies: %w", err))
		}
		if !ignore {
			kept.records = append(kept.records, rr)
		}
	}
	if len(kept.records) == 0 {
		return nil, e.q.fail(Filtered, "", errFiltered)
	}
	return &kept, nil
}

// native looks a host up with the system, in the place of the DNS or behind it.
func (r *Resolver) native(ctx context.Context, host string, family Family, found []netip.Addr, err error) ([]netip.Addr, error) {
	if r.view.Native == nil || err == nil || !errors.Is(err, ErrNotFound) {
		return found, err
	}
	if addrs, nativeErr := r.view.Native.addrs(ctx, host, family); !errors.Is(nativeErr, ErrNotFound) {
		return addrs, nativeErr
	}
	return nil, err
}

// SRV returns the servers of a name ("_submission._tcp.example.com"), in the order of the answer, at
// most 100. A service that is said not to be there (RFC 2782: target ".") is ErrNullMX. The result
// is the caller's to keep.
func (r *Resolver) SRV(ctx context.Context, name string) ([]SRV, error) {
	e, err := r.lookup(ctx, name, TypeSRV)
	if err != nil {
		return nil, err
	}
	var all []SRV
	null := false
	for _, rr := range e.records {
		s, ok := rr.(*wire.SRV)
		if !ok {
			continue
		}
		host := trimDot(s.Target)
		null = null || host == ""
		if isHostName(host) && s.Port != 0 {
			all = append(all, SRV{Host: host, Priority: s.Priority, Weight: s.Weight, Port: s.Port})
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	if null {
		return nil, e.q.fail(NullMX, "", nil)
	}
	return nil, e.q.fail(BadAnswer, "", errUnsafeNames)
}
