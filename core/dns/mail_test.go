package dns_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/dns/dnstest"
)

const mailZone = `
	example.test.          MX    20 backup.example.test.
	example.test.          MX    10 MX2.Example.Test.
	example.test.          MX    10 mx1.example.test.
	example.test.          MX    30 mx1.example.test.
	alias.test.            CNAME example.test.
	onlyhost.test.         A     192.0.2.1
	null.test.             MX    0 .
	halfnull.test.         MX    0 .
	halfnull.test.         MX    10 mx.halfnull.test.
	numeric.test.          MX    10 192.0.2.9.
	evil.test.             MX    10 bad\032name.test.
	evil.test.             MX    10 bad\010line.test.
	evil.test.             MX    10 <script>.test.
	evil.test.             MX    10 -dash.test.
	evil.test.             MX    10 caf\195\169.test.
	mixed.test.            MX    10 bad\032name.test.
	mixed.test.            MX    20 good_host.test.
	evilalias.test.        CNAME bad\032name.test.
	xn--mnchen-3ya.test.   MX    10 mx.xn--mnchen-3ya.test.
	deep.below.empty.test. A     192.0.2.2
`

func TestMX(t *testing.T) {
	r := dnstest.Start(t, mailZone).Resolver()
	for _, c := range []struct {
		name   string
		domain string
		want   string
		status dns.Status
	}{
		{"exchangers come by preference, in lower case, each once", "example.test", "10 mx2.example.test, 10 mx1.example.test, 20 backup.example.test", dns.Found},
		{"a final dot changes nothing", "example.test.", "10 mx2.example.test, 10 mx1.example.test, 20 backup.example.test", dns.Found},
		{"case changes nothing", "EXAMPLE.Test", "10 mx2.example.test, 10 mx1.example.test, 20 backup.example.test", dns.Found},
		{"an alias is followed", "alias.test", "10 mx2.example.test, 10 mx1.example.test, 20 backup.example.test", dns.Found},
		{"a name without MX has no data", "onlyhost.test", "", dns.NoData},
		{"a name that only has names below it has no data", "empty.test", "", dns.NoData},
		{"a name that is not there does not exist", "nothere.test", "", dns.NXDomain},
		{"a null MX is told apart", "null.test", "", dns.NullMX},
		{"a null MX beside a real one does not count", "halfnull.test", "10 mx.halfnull.test", dns.Found},
		{"an address as exchanger is passed on", "numeric.test", "10 192.0.2.9", dns.Found},
		{"names that deceive are refused", "evil.test", "", dns.BadAnswer},
		{"and the good ones beside them stay", "mixed.test", "20 good_host.test", dns.Found},
		{"so are aliases to such names", "evilalias.test", "", dns.BadAnswer},
		{"a UTF-8 domain is asked as A-labels", "MÜNCHEN.test", "10 mx.xn--mnchen-3ya.test", dns.Found},
		{"a UTF-8 domain that IDNA refuses is not asked", "a\u200db.test", "", dns.BadName},
		{"nor are bytes that are no UTF-8", "a\xffb.test", "", dns.BadName},
		{"nor an empty domain", "", "", dns.BadName},
		{"nor an empty label", "a..test", "", dns.BadName},
		{"nor a space", "a b.test", "", dns.BadName},
		{"nor an escape", `a\.b.test`, "", dns.BadName},
		{"nor a label of 64 bytes", strings.Repeat("a", 64) + ".test", "", dns.BadName},
		{"nor a name of 254 bytes", strings.Repeat("abcdefg.", 31) + "tester", "", dns.BadName},
		{"localhost has none, and nobody is asked", "localhost", "", dns.NoData},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.MX(t.Context(), c.domain)
			wantStatus(t, err, c.status)
			var list []string
			for _, mx := range got {
				list = append(list, fmt.Sprintf("%d %s", mx.Pref, mx.Host))
			}
			if s := strings.Join(list, ", "); s != c.want {
				t.Errorf("got %q, want %q", s, c.want)
			}
		})
	}
}

func TestNamesThatCannotBeAreNeverAsked(t *testing.T) {
	srv := dnstest.Start(t, "")
	r := srv.Resolver()
	for _, name := range []string{"a b.test", "a\r\nb.test", "\x00", "..", "x..", "a\u200db.test", "localhost", "Sub.LOCALHOST."} {
		r.MX(t.Context(), name)
	}
	if n := srv.Count("", ""); n != 0 {
		t.Errorf("%d queries: %v", n, srv.Queries())
	}
}

func TestEachStatusIsItsOwnSentinel(t *testing.T) {
	sentinels := map[dns.Status]error{dns.NXDomain: dns.ErrNotFound, dns.NoData: dns.ErrNotFound, dns.NullMX: dns.ErrNullMX,
		dns.BadName: dns.ErrBadName, dns.BadAnswer: dns.ErrBadAnswer, dns.Disabled: dns.ErrDisabled}
	for s := dns.NXDomain; s <= dns.Disabled; s++ {
		err := fmt.Errorf("wrapped: %w", &dns.Error{Status: s})
		if dns.StatusOf(err) != s || s.String() == "" || strings.HasPrefix(s.String(), "status") {
			t.Errorf("%v became %v", s, dns.StatusOf(err))
		}
		for _, sentinel := range sentinels {
			if got, want := errors.Is(err, sentinel), sentinels[s] == sentinel; got != want {
				t.Errorf("%v is %v: %v", s, sentinel, got)
			}
		}
	}
	if got := dns.StatusOf(io.ErrUnexpectedEOF); got != dns.Failed {
		t.Errorf("a stranger's error is %v", got)
	}
	if got := dns.StatusOf(nil); got != dns.Found {
		t.Errorf("no error is %v", got)
	}
}

// RFC 5452 §9.2: who wants to forge a reply has to guess both.
func TestPortsAndIDsAreNotTheSameTwice(t *testing.T) {
	srv := dnstest.Start(t, mailZone)
	o := srv.Options()
	o.CacheBytes = -1
	r := newResolver(t, o)
	const n = 32
	for range n {
		r.MX(t.Context(), "example.test")
	}
	ports, ids := make(map[string]bool), make(map[uint16]bool)
	for _, q := range srv.Queries() {
		ports[q.From], ids[q.ID] = true, true
	}
	if len(ports) < n/2 || len(ids) < n/2 {
		t.Errorf("%d queries from %d ports with %d ids", n, len(ports), len(ids))
	}
}

func TestTheBestHundredExchangersAreKept(t *testing.T) {
	var zone strings.Builder
	for i := range 300 {
		fmt.Fprintf(&zone, "many.test. MX %d mx%d.many.test.\n", 1000-i, i)
	}
	srv := dnstest.Start(t, zone.String())
	got, err := srv.Resolver().MX(t.Context(), "many.test")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 100 || got[0].Host != "mx299.many.test" || got[99].Host != "mx200.many.test" {
		t.Errorf("%d exchangers, %v to %v", len(got), got[0], got[len(got)-1])
	}
	if q := srv.Queries(); len(q) != 2 || q[0].Network != "udp" || q[1].Network != "tcp" {
		t.Errorf("queries %v: an answer that does not fit comes over TCP", q)
	}
}

func TestPTR(t *testing.T) {
	r := dnstest.Start(t, `
		1.2.0.192.in-addr.arpa.  PTR   Mail.Example.test.
		1.2.0.192.in-addr.arpa.  PTR   other.example.test.
		1.2.0.192.in-addr.arpa.  PTR   other.example.test.
		2.2.0.192.in-addr.arpa.  CNAME 2.0/25.2.0.192.in-addr.arpa.
		2.0/25.2.0.192.in-addr.arpa. PTR delegated.test.
		3.2.0.192.in-addr.arpa.  PTR   bad\010name.test.
		4.2.0.192.in-addr.arpa.  PTR   198.51.100.1.
		1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR six.test.
	`).Resolver()
	for _, c := range []struct {
		name   string
		addr   netip.Addr
		want   []string
		status dns.Status
	}{
		{"an IPv4 address has its names, each once", ip("192.0.2.1"), []string{"mail.example.test", "other.example.test"}, dns.Found},
		{"so has the same address in IPv6's clothes", ip("::ffff:192.0.2.1"), []string{"mail.example.test", "other.example.test"}, dns.Found},
		{"an IPv6 address has a name", ip("2001:db8::1"), []string{"six.test"}, dns.Found},
		{"a zone is not part of the address", ip("2001:db8::1%eth0"), []string{"six.test"}, dns.Found},
		{"a classless delegation is followed (RFC 2317)", ip("192.0.2.2"), []string{"delegated.test"}, dns.Found},
		{"a name with a line feed is refused", ip("192.0.2.3"), nil, dns.BadAnswer},
		{"a name that looks like an address is refused", ip("192.0.2.4"), nil, dns.BadAnswer},
		{"an address without name is not found", ip("192.0.2.5"), nil, dns.NXDomain},
		{"no address is a bad name", netip.Addr{}, nil, dns.BadName},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.PTR(t.Context(), c.addr)
			wantStatus(t, err, c.status)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTXTJoinsPartsAndKeepsBytes(t *testing.T) {
	r := dnstest.Start(t, `
		spf.test. TXT "v=spf1 " "include:a.test -all"
		spf.test. TXT "second \"quoted\" back\\slash \000\255\0091"
	`).Resolver()
	got, err := r.TXT(t.Context(), "spf.test")
	want := []string{"v=spf1 include:a.test -all", "second \"quoted\" back\\slash \x00\xff\t1"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	_, err = r.TXT(t.Context(), "nospf.test")
	wantStatus(t, err, dns.NXDomain)
}

func TestTLSATellsWhetherItWasValidated(t *testing.T) {
	srv := dnstest.Start(t, "_25._tcp.mx.test. TLSA 3 1 1 00ff10")
	want := []dns.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: []byte{0, 0xff, 0x10}}}
	for _, secure := range []bool{false, true} {
		if secure {
			srv.Always("_25._tcp.mx.test", "TLSA", dnstest.Secure)
		}
		got, isSecure, err := srv.Resolver().TLSA(t.Context(), "_25._tcp.mx.test")
		if err != nil || isSecure != secure || !reflect.DeepEqual(got, want) {
			t.Errorf("secure %v: got %v, %v, %v", secure, got, isSecure, err)
		}
	}
}

func TestQueryGivesDataInPresentationForm(t *testing.T) {
	srv := dnstest.Start(t, mailZone+`
		srv.test. SRV 0 5 465 mx.example.test.
		raw.test. TYPE4711 \# 3 010203
		txt.test. TXT "a\010b" "c"
	`)
	srv.Always("", "SRV", dnstest.Secure)
	r := srv.Resolver()
	for _, c := range []struct {
		name, ask, qtype, owner, data string
	}{
		{"MX through an alias", "alias.test", "MX", "example.test", "10 MX2.Example.Test.|10 mx1.example.test.|20 backup.example.test.|30 mx1.example.test."},
		{"SRV", "srv.test", "srv", "srv.test", "0 5 465 mx.example.test."},
		{"a type without a name", "raw.test", "TYPE4711", "raw.test", `\# 3 010203`},
		{"TXT stays escaped", "txt.test", "TXT", "txt.test", `"a\010b" "c"`},
		{"the alias itself", "alias.test", "CNAME", "alias.test", "example.test."},
	} {
		t.Run(c.name, func(t *testing.T) {
			qtype, ok := dns.ParseType(c.qtype)
			if !ok {
				t.Fatal("type not known")
			}
			a, err := r.Query(t.Context(), c.ask, qtype)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(a.Records, "|"); got != c.data || a.Name != c.owner {
				t.Errorf("got %s: %s", a.Name, got)
			}
			if a.Secure != (qtype == dns.TypeSRV) || a.TTL <= 0 || a.TTL.Seconds() > 300 || a.Type != qtype {
				t.Errorf("got %+v", a)
			}
		})
	}
}

func TestTypesThatAreNotDataAreRefused(t *testing.T) {
	for _, word := range []string{"ANY", "AXFR", "OPT", "TYPE0", "TYPE255", "TYPE65536", "TYPE", "MXX", ""} {
		if got, ok := dns.ParseType(word); ok {
			t.Errorf("ParseType(%q) = %v", word, got)
		}
	}
	srv := dnstest.Start(t, mailZone)
	_, err := srv.Resolver().Query(t.Context(), "example.test", 255)
	wantStatus(t, err, dns.BadName)
	if srv.Count("", "") != 0 {
		t.Error("ANY was asked")
	}
}

func TestQueriesAskForRecursionAndValidation(t *testing.T) {
	srv := dnstest.Start(t, mailZone)
	for _, dnssec := range []bool{false, true} {
		o := srv.Options()
		o.DNSSEC = dnssec
		newResolver(t, o).MX(t.Context(), "example.test")
		all := srv.Queries()
		if q := all[len(all)-1]; !q.RD || !q.AD || !q.EDNS || q.DO != dnssec {
			t.Errorf("DNSSEC %v: %+v", dnssec, q)
		}
	}
}

func TestErrorSpeaksPostfixAndShowsNoControlBytes(t *testing.T) {
	for _, c := range []struct {
		err  dns.Error
		text string
	}{
		{dns.Error{Status: dns.NXDomain, Name: "a.test", Type: dns.TypeMX}, "Host or domain name not found. Name service error for name=a.test type=MX: Host not found"},
		{dns.Error{Status: dns.NoData, Name: "a.test", Type: dns.TypeA}, "Host or domain name not found. Name service error for name=a.test type=A: Host found but no data record of requested type"},
		{dns.Error{Status: dns.Failed, Name: "a.test", Type: dns.TypeAAAA, Cause: context.Canceled}, "Host or domain name not found. Name service error for name=a.test type=AAAA: Host not found, try again"},
		{dns.Error{Status: dns.NullMX, Name: "a.test", Type: dns.TypeMX}, "Domain a.test does not accept mail (nullMX)"},
		{dns.Error{Status: dns.BadName, Name: "a\r\nb é\x7f", Type: dns.TypeMX}, "Name service error for a??b???: invalid host or domain name"},
		{dns.Error{Status: dns.BadAnswer, Name: "a.test", Type: dns.TypeMX}, "Name service error for name=a.test type=MX: Malformed or unexpected name server reply"},
	} {
		if got := c.err.Text(); got != c.text {
			t.Errorf("got %q, want %q", got, c.text)
		}
		if strings.ContainsAny(c.err.Error(), "\r\n\x00\x7f") {
			t.Errorf("control byte in %q", c.err.Error())
		}
	}
}
