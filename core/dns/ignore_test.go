package dns_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/dns/dnstest"
)

func TestRecordsAreIgnoredAsIfTheyWereNotThere(t *testing.T) {
	srv := dnstest.Start(t, `
		some.test.  300 MX    10 good.test.
		some.test.  300 MX    20 wild.test.
		all.test.   300 MX    10 wild.test.
		fails.test. 300 MX    10 broken.test.
		alias.test. 300 CNAME some.test.
		good.test.  300 A     192.0.2.1
		wild.test.  300 A     192.0.2.99
	`)
	o := srv.Options()
	var asked []string
	o.Ignore = func(record string) (bool, error) {
		asked = append(asked, record)
		if strings.Contains(record, "broken.") {
			return false, errors.New("the table is broken")
		}
		return strings.Contains(record, "wild.test.") || strings.HasSuffix(record, " A 192.0.2.99"), nil
	}
	r, err := dns.New(o)
	if err != nil {
		t.Fatal(err)
	}
	mx := func(domain string) string {
		list, err := r.MX(context.Background(), domain)
		if err != nil {
			return dns.StatusOf(err).String()
		}
		var all []string
		for _, m := range list {
			all = append(all, fmt.Sprint(m.Pref, " ", m.Host))
		}
		return strings.Join(all, ", ")
	}
	for domain, want := range map[string]string{"some.test": "10 good.test", "alias.test": "10 good.test", "all.test": "no such record", "fails.test": "lookup failed"} {
		if got := mx(domain); got != want {
			t.Errorf("%s: got %s, want %s", domain, got, want)
		}
	}
	if _, err := r.Addrs(context.Background(), "wild.test", dns.IPv4); !errors.Is(err, dns.ErrNotFound) {
		t.Errorf("an address that is ignored: %v", err)
	}
	if want := "some.test. 300 IN MX 20 wild.test."; !strings.Contains(strings.Join(asked, "\n"), want) {
		t.Errorf("asked for\n%s\nwant %s among them", strings.Join(asked, "\n"), want)
	}
}
