package dns_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/dns/dnstest"
)

func addrs(list ...string) (found []netip.Addr) {
	for _, s := range list {
		found = append(found, ip(s))
	}
	return found
}

const hostZone = `
	both.test.   A     192.0.2.1
	both.test.   A     192.0.2.2
	both.test.   A     192.0.2.1
	both.test.   AAAA  2001:db8::1
	four.test.   A     192.0.2.4
	six.test.    AAAA  2001:db8::6
	mapped.test. AAAA  ::ffff:192.0.2.7
	www.test.    CNAME both.test.
	txt.test.    TXT   "no address"
`

func TestAddrs(t *testing.T) {
	r := dnstest.Start(t, hostZone).Resolver()
	for _, c := range []struct {
		name   string
		host   string
		family dns.Family
		want   []netip.Addr
		status dns.Status
	}{
		{"both families, IPv4 first, each address once", "both.test", dns.Both, addrs("192.0.2.1", "192.0.2.2", "2001:db8::1"), dns.Found},
		{"IPv4 only", "both.test", dns.IPv4, addrs("192.0.2.1", "192.0.2.2"), dns.Found},
		{"IPv6 only", "both.test", dns.IPv6, addrs("2001:db8::1"), dns.Found},
		{"both wanted, IPv4 there", "four.test", dns.Both, addrs("192.0.2.4"), dns.Found},
		{"both wanted, IPv6 there", "six.test", dns.Both, addrs("2001:db8::6"), dns.Found},
		{"IPv6 wanted, IPv4 there", "four.test", dns.IPv6, nil, dns.NoData},
		{"no family wanted", "four.test", 0, nil, dns.NoData},
		{"through an alias", "www.test", dns.Both, addrs("192.0.2.1", "192.0.2.2", "2001:db8::1"), dns.Found},
		{"neither there", "txt.test", dns.Both, nil, dns.NoData},
		{"no such host", "nothere.test", dns.Both, nil, dns.NXDomain},
		{"IPv4 in IPv6's clothes is no host", "mapped.test", dns.IPv6, nil, dns.BadAnswer},
		{"and no host when both are wanted", "mapped.test", dns.Both, nil, dns.BadAnswer},
		{"an address is its own host", "192.0.2.9", dns.Both, addrs("192.0.2.9"), dns.Found},
		{"so is an IPv6 address", "2001:DB8::9", dns.IPv6, addrs("2001:db8::9"), dns.Found},
		{"but not in the other family", "192.0.2.9", dns.IPv6, nil, dns.NoData},
		{"localhost is loopback", "localhost", dns.Both, addrs("127.0.0.1", "::1"), dns.Found},
		{"so is all below it", "A.b.LocalHost.", dns.IPv4, addrs("127.0.0.1"), dns.Found},
		{"a name with a space cannot be", "a b.test", dns.Both, nil, dns.BadName},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.Addrs(t.Context(), c.host, c.family)
			wantStatus(t, err, c.status)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// An error is not "no": one family's "no" must not hide that nobody knows about the other.
func TestFamilyThatFails(t *testing.T) {
	for _, c := range []struct {
		name   string
		host   string
		fails  string
		want   []netip.Addr
		status dns.Status
	}{
		{"found beats failed", "both.test", "AAAA", addrs("192.0.2.1", "192.0.2.2"), dns.Found},
		{"found beats failed the other way round", "both.test", "A", addrs("2001:db8::1"), dns.Found},
		{"failed beats not found", "four.test", "A", nil, dns.Failed},
		{"failed beats not found the other way round", "six.test", "AAAA", nil, dns.Failed},
		{"all failed", "both.test", "", nil, dns.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := dnstest.Start(t, hostZone)
			srv.Always(c.host, c.fails, dnstest.ServFail)
			got, err := srv.Resolver().Addrs(t.Context(), c.host, dns.Both)
			wantStatus(t, err, c.status)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestHundredAddressesAtMost(t *testing.T) {
	var zone strings.Builder
	for i := range 150 {
		fmt.Fprintf(&zone, "many.test. A 192.0.2.%d\n", i)
	}
	got, err := dnstest.Start(t, zone.String()).Resolver().Addrs(t.Context(), "many.test", dns.Both)
	if err != nil || len(got) != 100 || got[99] != ip("192.0.2.99") {
		t.Errorf("%d addresses, %v", len(got), err)
	}
}

func TestResultIsTheCallersToKeep(t *testing.T) {
	r := dnstest.Start(t, hostZone+mailZone).Resolver()
	for range 2 { // the second time from the cache
		got, err := r.Addrs(t.Context(), "both.test", dns.IPv4)
		if err != nil || !slices.Equal(got, addrs("192.0.2.1", "192.0.2.2")) {
			t.Fatalf("got %v, %v", got, err)
		}
		got[0], got[1] = got[1], got[0]
		hosts, err := r.MX(t.Context(), "example.test")
		if err != nil || hosts[0].Host != "mx2.example.test" {
			t.Fatalf("got %v, %v", hosts, err)
		}
		slices.Reverse(hosts)
		a, err := r.Query(t.Context(), "example.test", dns.TypeMX)
		if err != nil || a.Records[0] != "10 MX2.Example.Test." {
			t.Fatalf("got %v, %v", a, err)
		}
		slices.Reverse(a.Records)
	}
}
