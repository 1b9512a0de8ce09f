package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/dns/dnstest"
)

// A view looks at the same cache: what one has asked, nobody asks again.
func TestAViewSharesTheCache(t *testing.T) {
	srv := dnstest.Start(t, "a.test. MX 10 mx.a.test.\nmx.a.test. A 192.0.2.1\n")
	r := srv.Resolver()
	v := r.View(dns.ViewOptions{Filter: func(context.Context, string) (bool, error) { return false, nil }})
	for _, q := range []*dns.Resolver{r, v, r} {
		if mx, err := q.MX(t.Context(), "a.test"); err != nil || len(mx) != 1 {
			t.Fatalf("%v %v", mx, err)
		}
	}
	if n := srv.Count("a.test", "MX"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// smtp_dns_reply_filter: records that do not count are as if they were not there, and when none is left
// mail waits.
func TestAViewFiltersRecords(t *testing.T) {
	srv := dnstest.Start(t, "a.test. 300 MX 10 mx1.a.test.\na.test. 300 MX 20 mx2.a.test.\nmx1.a.test. 300 A 192.0.2.1\nmx1.a.test. 300 AAAA 2001:db8::1\n_25._tcp.mx1.a.test. 300 TLSA 3 1 1 00\nt.test. TXT x\n")
	var mu sync.Mutex // both families are asked at once
	var asked []string
	filter := func(ignored ...string) *dns.Resolver {
		return srv.Resolver().View(dns.ViewOptions{Filter: func(_ context.Context, record string) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, record)
			for _, i := range ignored {
				if strings.Contains(record, i) {
					return true, nil
				}
			}
			if strings.Contains(record, "TLSA") {
				return false, errors.New("the table is away")
			}
			return false, nil
		}})
	}
	ctx := t.Context()
	if mx, err := filter("mx1").MX(ctx, "a.test"); err != nil || len(mx) != 1 || mx[0].Host != "mx2.a.test" {
		t.Errorf("%v %v", mx, err)
	}
	_, err := filter("mx1", "mx2").MX(ctx, "a.test")
	wantStatus(t, err, dns.Filtered)
	var e *dns.Error
	if !errors.As(err, &e) || !e.Temporary() || e.Text() != "Error looking up name=a.test type=MX: DNS reply filter drops all results" {
		t.Errorf("%v", err)
	}
	if addrs, err := filter(" AAAA ").Addrs(ctx, "mx1.a.test", dns.Both); err != nil || fmt.Sprint(addrs) != "[192.0.2.1]" {
		t.Errorf("%v %v", addrs, err)
	}
	_, _, err = filter().TLSA(ctx, "_25._tcp.mx1.a.test")
	wantStatus(t, err, dns.Failed)
	if txt, err := filter("t.test").TXT(ctx, "t.test"); err != nil || len(txt) != 1 {
		t.Errorf("%v %v", txt, err)
	}
	if want := "a.test. 300 IN MX 10 mx1.a.test."; asked[0] != want {
		t.Errorf("the filter was asked about %q, want %q", asked[0], want)
	}
}

// smtp_host_lookup.
func TestAViewAsksTheSystem(t *testing.T) {
	srv := dnstest.Start(t, "both.test. A 192.0.2.1\ndns.test. A 192.0.2.2\n")
	srv.Always("fail.test", "", dnstest.ServFail)
	system := dnstest.Start(t, "both.test. A 192.0.2.101\nnative.test. A 192.0.2.103\nfail.test. A 192.0.2.104\n")
	n := dns.NewNativeDialing(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, system.Addr())
	})
	for name, v := range map[string]struct {
		view dns.ViewOptions
		want string
	}{
		"dns":         {dns.ViewOptions{}, "both 1, dns 2, native no such name, fail lookup failed"},
		"native":      {dns.ViewOptions{Native: n, NativeOnly: true}, "both 101, dns no such name, native 103, fail 104"},
		"dns, native": {dns.ViewOptions{Native: n}, "both 1, dns 2, native 103, fail lookup failed"},
	} {
		var got []string
		for _, host := range []string{"both", "dns", "native", "fail"} {
			addrs, err := srv.Resolver().View(v.view).Addrs(t.Context(), host+".test.", dns.IPv4)
			if err != nil {
				got = append(got, host+" "+dns.StatusOf(err).String())
				continue
			}
			got = append(got, fmt.Sprintf("%s %d", host, addrs[0].As4()[3]))
		}
		if s := strings.Join(got, ", "); s != v.want {
			t.Errorf("%s: got %s, want %s", name, s, v.want)
		}
	}
}

// smtp_dns_resolver_options: res_defnames for names without a dot, res_dnsrch for all and every domain.
func TestAViewCompletesNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, path, "search one.test two.test\n", 1)
	srv := dnstest.Start(t, "a.one.test. A 192.0.2.1\nb.two.test. A 192.0.2.2\nc.d.one.test. A 192.0.2.3\n")
	for _, c := range []struct {
		defnames, search bool
		want             string
	}{{false, false, ""}, {true, false, "a"}, {false, true, "c.d"}, {true, true, "a b c.d"}} {
		o := srv.Options()
		o.ResolvConf = path
		r := newResolver(t, o)
		var found []string
		for _, host := range []string{"a", "b", "c.d"} {
			if _, err := r.View(dns.ViewOptions{DefNames: c.defnames, Search: c.search}).Addrs(t.Context(), host, dns.IPv4); err == nil {
				found = append(found, host)
			}
		}
		if got := strings.Join(found, " "); got != c.want {
			t.Errorf("%+v: found %q", c, got)
		}
	}
}

func TestSRV(t *testing.T) {
	srv := dnstest.Start(t, "_submission._tcp.a.test. SRV 10 5 587 Mail.a.test.\n_submission._tcp.a.test. SRV 0 0 2525 first.a.test.\n_submission._tcp.b.test. SRV 0 0 0 .\n_submission._tcp.c.test. SRV 0 0 587 bad\\010name.\n")
	r := srv.Resolver()
	got, err := r.SRV(t.Context(), "_submission._tcp.a.test")
	if err != nil || len(got) != 2 || got[0] != (dns.SRV{Host: "mail.a.test", Priority: 10, Weight: 5, Port: 587}) {
		t.Errorf("%v %v", got, err)
	}
	_, err = r.SRV(t.Context(), "_submission._tcp.b.test")
	wantStatus(t, err, dns.NullMX)
	_, err = r.SRV(t.Context(), "_submission._tcp.c.test")
	wantStatus(t, err, dns.BadAnswer)
	_, err = r.SRV(t.Context(), "_submission._tcp.d.test")
	wantStatus(t, err, dns.NXDomain)
}
