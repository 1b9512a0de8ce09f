package dns_test

import (
	"testing"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/dns/dnstest"
)

// BenchmarkMXFromCache is what a delivery to a known domain pays for its MX lookup.
func BenchmarkMXFromCache(b *testing.B) {
	r := dnstest.Start(b, mailZone).Resolver()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.MX(b.Context(), "example.test"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAddrsFromCache is what it pays for the addresses of one host.
func BenchmarkAddrsFromCache(b *testing.B) {
	r := dnstest.Start(b, hostZone).Resolver()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Addrs(b.Context(), "both.test", dns.Both); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkQueryOverUDP is a lookup that is not in the cache, server included.
func BenchmarkQueryOverUDP(b *testing.B) {
	srv := dnstest.Start(b, mailZone)
	o := srv.Options()
	o.CacheBytes = -1
	r := newResolver(b, o)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.MX(b.Context(), "example.test"); err != nil {
			b.Fatal(err)
		}
	}
}
