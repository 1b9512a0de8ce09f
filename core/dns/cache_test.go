package dns_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/dns/dnstest"
)

// The server's SOA lets a "no" live for 60 s.
const ttlZone = `
	short.test. 10     MX    10 mx.test.
	long.test.  604800 MX    10 mx.test.
	zero.test.  0      MX    10 mx.test.
	alias.test. 20     CNAME long.test.
`

func TestAnswersLiveAsLongAsTheySay(t *testing.T) {
	for _, c := range []struct {
		name  string
		ask   string
		set   func(*dns.Options)
		lives time.Duration // 0: asked again at once
	}{
		{"a record lives for its TTL", "short.test", nil, 10 * time.Second},
		{"an alias shortens the life of what it leads to", "alias.test", nil, 20 * time.Second},
		{"an hour at most", "long.test", nil, time.Hour},
		{"the most can be set", "long.test", func(o *dns.Options) { o.MaxTTL = time.Minute }, time.Minute},
		{"TTL 0 is not kept", "zero.test", nil, 0},
		{"the least can be set", "zero.test", func(o *dns.Options) { o.MinTTL = 5 * time.Second }, 5 * time.Second},
		{"a no lives as the SOA says", "nothere.test", nil, 60 * time.Second},
		{"the most for a no can be set", "nothere.test", func(o *dns.Options) { o.NegativeTTL = time.Second }, time.Second},
		{"a no need not be kept", "nothere.test", func(o *dns.Options) { o.NegativeTTL = -1 }, 0},
		{"a failure is kept when asked to", "servfail.test", func(o *dns.Options) { o.FailureTTL = 2 * time.Second }, 2 * time.Second},
		{"and not otherwise", "servfail.test", nil, 0},
		{"nothing is kept without a cache", "long.test", func(o *dns.Options) { o.CacheBytes = -1 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv := dnstest.Start(t, ttlZone)
			srv.Always("servfail.test", "", dnstest.ServFail)
			o := srv.Options()
			o.Attempts = 1
			if c.set != nil {
				c.set(&o)
			}
			synctest.Test(t, func(t *testing.T) {
				r := newResolver(t, o)
				queriesAfter := func(d time.Duration) int {
					time.Sleep(d)
					before := srv.Count("", "")
					r.MX(t.Context(), c.ask)
					return srv.Count("", "") - before
				}
				if n := queriesAfter(0); n != 1 {
					t.Fatalf("%d queries at first", n)
				}
				if c.lives > 0 {
					if n := queriesAfter(c.lives - time.Nanosecond); n != 0 {
						t.Errorf("asked again before %v were over", c.lives)
					}
				}
				if n := queriesAfter(time.Nanosecond); n != 1 {
					t.Errorf("%d queries after %v", n, c.lives)
				}
			})
		})
	}
}

// RFC 2308 §5: without an SOA nobody knows how long a "no" holds.
func TestNoWithoutSOAIsNotKept(t *testing.T) {
	srv := dnstest.Start(t, "")
	srv.Always("", "", dnstest.Rcode(3))
	r := srv.Resolver()
	for range 2 {
		_, err := r.MX(t.Context(), "nothere.test")
		wantStatus(t, err, dns.NXDomain)
	}
	if n := srv.Count("nothere.test", "MX"); n != 2 {
		t.Errorf("%d queries", n)
	}
}

func TestRemainingTTLShrinks(t *testing.T) {
	srv := dnstest.Start(t, ttlZone)
	synctest.Test(t, func(t *testing.T) {
		r := srv.Resolver()
		for _, want := range []time.Duration{10 * time.Second, 6 * time.Second} {
			a, err := r.Query(t.Context(), "short.test", dns.TypeMX)
			if err != nil || a.TTL != want {
				t.Errorf("TTL %v, %v; want %v", a.TTL, err, want)
			}
			time.Sleep(4 * time.Second)
		}
	})
}

func TestCacheStaysWithinItsBytes(t *testing.T) {
	srv := dnstest.Start(t, "*.test. A 192.0.2.1")
	o := srv.Options()
	o.CacheBytes = 16 << 10
	r := newResolver(t, o)
	const names = 200
	for i := range names {
		if _, err := r.Addrs(t.Context(), fmt.Sprintf("h%d.test", i), dns.IPv4); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Addrs(t.Context(), "h0.test", dns.IPv4); err != nil {
			t.Fatal(err)
		}
	}
	s := r.Stats()
	if s.Bytes > o.CacheBytes || s.Entries < 10 || s.Entries >= names {
		t.Errorf("%+v", s)
	}
	if n := srv.Count("h0.test", "A"); n != 1 {
		t.Errorf("the name that is used most was asked %d times", n)
	}
	if s.Lookups != 2*names || s.Hits != names || s.Queries != names || s.Failures != 0 {
		t.Errorf("%+v", s)
	}
}

func TestHugeAnswerDoesNotPushOthersOut(t *testing.T) {
	var zone strings.Builder
	for i := range 100 {
		fmt.Fprintf(&zone, "huge.test. TXT \"%d %s\"\n", i, strings.Repeat("x", 200))
	}
	srv := dnstest.Start(t, zone.String()+"small.test. A 192.0.2.1")
	o := srv.Options()
	o.CacheBytes = 64 << 10
	r := newResolver(t, o)
	for range 2 {
		if _, err := r.Addrs(t.Context(), "small.test", dns.IPv4); err != nil {
			t.Fatal(err)
		}
		if got, err := r.TXT(t.Context(), "huge.test"); err != nil || len(got) != 100 {
			t.Fatalf("%d texts, %v", len(got), err)
		}
	}
	if s := r.Stats(); s.Entries != 1 || srv.Count("small.test", "A") != 1 {
		t.Errorf("%+v", s)
	}
}
