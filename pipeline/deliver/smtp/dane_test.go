package smtp_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/dns/dnstest"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

// RFC 7672 with a name server that signs what the test says it signs.
func TestDANE(t *testing.T) {
	ca := newAuthority(t)
	server, leaf := ca.issue("mx1.to.test")
	hash := func(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }
	ee, ta, wrong := "3 1 1 "+hash(leaf.RawSubjectPublicKeyInfo), "2 0 1 "+hash(ca.cert.Raw), "3 1 1 "+hash([]byte("another key"))
	all := "MX to.test, A mx1.to.test, TLSA _25._tcp.mx1.to.test"
	plain := hello("mx1.to.test", offers) + takes("x@to.test")
	elsewhere, _ := ca.issue("mx1.elsewhere.test")
	for _, c := range []struct {
		name, records string // of _25._tcp.mx1.to.test, separated by commas
		signed        string
		level         string
		server        *tls.Config
		script        string
		want, log     string
		edit          func(*smtp.Options)
	}{
		{name: "the server's own key", records: ee, signed: all, script: secured("mx1.to.test"), want: sentByMX1, log: "Verified TLS"},
		{name: "its authority", records: ta, signed: all, script: secured("mx1.to.test"), want: sentByMX1, log: "Verified TLS"},
		{name: "its authority, whole", records: "2 0 0 " + hex.EncodeToString(ca.cert.Raw), signed: all, script: secured("mx1.to.test"), want: sentByMX1, log: "Verified TLS"},
		{name: "its authority, for another name", records: ta, signed: all, server: elsewhere, script: stopped("mx1.to.test"), want: notTrusted, log: "the certificate is for another name"},
		{name: "one of several", records: wrong + ", " + ee, signed: all, script: secured("mx1.to.test"), want: sentByMX1, log: "Verified TLS"},
		{name: "another key", records: wrong, signed: all, script: stopped("mx1.to.test"), want: notTrusted, log: "no TLSA record matches"},
		{name: "no TLS although there are records", records: ee, signed: all, script: hello("mx1.to.test", offers), want: noTLS},
		{name: "records of no use: encrypted to anybody", records: "0 1 1 " + hash(nil) + ", 3 1 1 abcd", signed: all, script: secured("mx1.to.test"), want: sentByMX1, log: "Untrusted TLS"},
		{name: "records of no use, and no TLS", records: "1 1 1 " + hash(nil), signed: all, script: hello("mx1.to.test", offers), want: noTLS},
		{name: "records of no use, dane-only", level: "dane-only", records: "1 1 1 " + hash(nil), signed: all, want: `deferred 4.7.5 mx1.to.test[192.0.2.1]:25 (TLSA records unusable) dead`},
		{name: "no records: as may", signed: all, script: plain, want: sentByMX1},
		{name: "no records, dane-only", level: "dane-only", signed: all, want: `deferred 4.7.5 mx1.to.test[192.0.2.1]:25 (no TLSA records found) dead`},
		{name: "records that are not signed do not count", records: wrong, signed: "MX to.test, A mx1.to.test", script: plain, want: sentByMX1},
		{name: "an address that is not signed: nobody asks for records", records: wrong, signed: "MX to.test, TLSA _25._tcp.mx1.to.test", script: plain, want: sentByMX1},
		{name: "an address that is not signed, dane-only", level: "dane-only", records: ee, signed: "MX to.test", want: `deferred 4.7.5 mx1.to.test[192.0.2.1]:25 (non DNSSEC destination) dead`},
		{name: "exchangers that are not signed: checked, but who knows whether it is the right host", records: ee, signed: "A mx1.to.test, TLSA _25._tcp.mx1.to.test", script: secured("mx1.to.test"), want: sentByMX1, log: "Trusted TLS"},
		{name: "exchangers that are not signed, and a wrong key", records: wrong, signed: "A mx1.to.test, TLSA _25._tcp.mx1.to.test", script: stopped("mx1.to.test"), want: notTrusted},
		{name: "exchangers that are not signed are not checked if so configured", records: wrong, signed: "A mx1.to.test, TLSA _25._tcp.mx1.to.test", script: plain, want: sentByMX1,
			edit: func(o *smtp.Options) { o.TLS.InsecureMX = "may" }},
		{name: "exchangers that are not signed, encrypted at least", records: wrong, signed: "A mx1.to.test, TLSA _25._tcp.mx1.to.test", script: secured("mx1.to.test"), want: sentByMX1,
			edit: func(o *smtp.Options) { o.TLS.InsecureMX = "encrypt" }, log: "Untrusted TLS"},
		{name: "exchangers that are not signed, dane-only", level: "dane-only", records: ee, signed: "A mx1.to.test, TLSA _25._tcp.mx1.to.test", want: `deferred 4.7.5 mx1.to.test[192.0.2.1]:25 (non DNSSEC destination) dead`},
		{name: "a lookup that fails: nothing is sent", records: "FAIL", signed: all, want: `deferred 4.7.5 mx1.to.test[192.0.2.1]:25 (TLSA lookup error for mx1.to.test:25) dead`},
	} {
		t.Run(c.name, func(t *testing.T) {
			zone := dnstest.Start(t, "to.test. MX 10 mx1.to.test.\nmx1.to.test. A 192.0.2.1")
			for _, r := range strings.Split(c.records, ", ") {
				switch r {
				case "":
				case "FAIL":
					zone.Always("_25._tcp.mx1.to.test", "TLSA", dnstest.ServFail)
				default:
					zone.Add("_25._tcp.mx1.to.test. TLSA " + r)
				}
			}
			for _, s := range strings.Split(c.signed, ", ") {
				if kind, name, _ := strings.Cut(s, " "); c.records != "FAIL" || kind != "TLSA" {
					zone.Always(name, kind, dnstest.Secure)
				}
			}
			w := newWorld(t)
			if w.tls = server; c.server != nil {
				w.tls = c.server
			}
			if c.script != "" {
				w.server("192.0.2.1:25", c.script)
			}
			a := w.agent(func(o *smtp.Options) {
				o.Resolver, o.TLS.DNSSEC, o.TLS.LogLevel, o.TLS.Level = zone.Resolver(), true, 1, "dane"
				if c.level != "" {
					o.TLS.Level = c.level
				}
				if c.edit != nil {
					c.edit(o)
				}
			})
			expect(t, w.deliver(a, request("x@to.test")), c.want)
			if got := w.logged(); !strings.Contains(got, c.log) {
				t.Errorf("logged:\n%s\nwant:\n%s", got, c.log)
			}
		})
	}
}

// The records of the name at the end of an alias count first (RFC 7672 §2.2.2), and servers are told
// the name whose records count.
func TestDANEFollowsAliases(t *testing.T) {
	ca := newAuthority(t)
	var leafKey string
	server, leaf := ca.issue("real.to.test")
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	leafKey = hex.EncodeToString(sum[:])
	zone := dnstest.Start(t, "alias.to.test. CNAME real.to.test.\nreal.to.test. A 192.0.2.1\n_25._tcp.real.to.test. TLSA 3 1 1 "+leafKey)
	zone.Always("alias.to.test", "A", dnstest.Secure)
	zone.Always("_25._tcp.real.to.test", "TLSA", dnstest.Secure)
	w := newWorld(t)
	told := make(chan string, 1)
	w.tls = server
	w.tls.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		told <- h.ServerName
		return nil, nil
	}
	w.server("192.0.2.1:25", secured("alias.to.test"))
	a := w.agent(func(o *smtp.Options) {
		o.Resolver, o.TLS.DNSSEC, o.TLS.Level = zone.Resolver(), true, "dane-only"
	})
	r := request("x@to.test")
	r.Nexthop = "[alias.to.test]"
	expect(t, w.deliver(a, r), `sent 2.0.0 alias.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`)
	if got := <-told; got != "real.to.test" {
		t.Errorf("told %q", got)
	}
}
