package smtp_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

const (
	sentByMX1   = `sent 2.0.0 mx1.to.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`
	notTrusted  = `deferred 4.7.5 mx1.to.test[192.0.2.1]:25 (Server certificate not trusted) dead`
	notVerified = `deferred 4.7.5 mx1.to.test[192.0.2.1]:25 (Server certificate not verified) dead`
	noTLS       = `deferred 4.7.4 mx1.to.test[192.0.2.1]:25 (TLS is required, but was not offered by host mx1.to.test[192.0.2.1]) dead`
	badPolicy   = `deferred 4.7.5 none (client TLS configuration problem)`
)

// secured is a session in TLS with a host that takes the usual message; stopped one that we leave
// after the handshake.
func secured(name string) string { return hello(name, "STARTTLS") + startTLS + takes("x@to.test") }
func stopped(name string) string {
	return hello(name, "STARTTLS") + "C: STARTTLS\nS: 220 2.0.0 go\nTLS\n"
}

func TestServersHaveToProveWhoTheyAre(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	good, leaf := ca.issue("mx1.to.test")
	sum := sha256.Sum256(leaf.Raw)
	key := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	print, keyPrint := strings.ToUpper(hex.EncodeToString(sum[:])), hex.EncodeToString(key[:])
	sub, _ := ca.issue("*.to.test")
	domain, _ := ca.issue("to.test")
	stranger, _ := other.issue("mx1.to.test")
	policy := func(words ...string) func(*smtp.Options) {
		return func(o *smtp.Options) { o.TLS.Policies = passwords(words...) }
	}
	for _, c := range []struct {
		name   string
		server *tls.Config
		edit   func(*smtp.Options)
		want   string
		log    string // a part of it
	}{
		{"verify: trusted, with the host's name", good, level("verify"), sentByMX1, "Verified TLS connection established to mx1.to.test[192.0.2.1]:25: TLSv1.3"},
		{"verify: a wildcard covers one label", sub, level("verify"), sentByMX1, "Verified"},
		{"verify: another name", domain, level("verify"), notVerified, "Trusted TLS connection"},
		{"verify: another authority", stranger, level("verify"), notTrusted, "certificate verification failed for mx1.to.test[192.0.2.1]:25: server certificate not trusted"},
		{"secure: the name of the host means nothing, the DNS gave it", ca.mustIssue("mx1.elsewhere.test"), level("secure"), notVerified, "Trusted"},
		{"secure: the domain's name", domain, level("secure"), sentByMX1, "Verified"},
		{"secure: a name below the domain", good, level("secure"), sentByMX1, "Verified"},
		{"fingerprint of the certificate", stranger, func(o *smtp.Options) { o.TLS.Level, o.TLS.Prints = "fingerprint", []string{"00", print} }, notVerified, ""},
		{"fingerprint of the certificate, right", good, func(o *smtp.Options) {
			o.TLS.Level, o.TLS.LogLevel, o.TLS.Prints = "fingerprint", 1, []string{"00", print}
		}, sentByMX1, "Verified"},
		{"encrypt: anybody will do", stranger, level("encrypt"), sentByMX1, "Untrusted"},

		{"a policy for the domain", good, policy("to.test", "verify"), sentByMX1, ""},
		{"a policy for what is below a domain", stranger, policy(".test", "verify"), notTrusted, ""},
		{"the nearest policy counts", stranger, policy(".test", "verify", "to.test", "encrypt protocols=>=TLSv1.2:<=TLSv1.3 ciphers=high"), sentByMX1, ""},
		{"a policy with names", domain, policy("to.test", "verify match=hostname:nexthop"), sentByMX1, ""},
		{"a policy with other names", good, policy("to.test", "secure match=mx9.to.test"), notVerified, ""},
		{"a policy with fingerprints", good, policy("to.test", "fingerprint match=00:11|"+keyPrint), sentByMX1, ""},
		{"a policy with a level that is none", good, policy("to.test", "sure"), badPolicy, `TLS policy for to.test: invalid security level "sure"`},
		{"a policy with an attribute that is none", good, policy("to.test", "verify mach=a"), badPolicy, `invalid attribute name "mach"`},
		{"a policy that is not finished", good, policy("to.test", "verify match"), badPolicy, `malformed attribute/value pair "match"`},
		{"an empty policy", good, policy("to.test", ""), badPolicy, `empty policy`},
		{"a policy for protocols that there are not", good, policy("to.test", "encrypt protocols=TLSv9"), badPolicy, `unknown protocol "TLSv9"`},
		{"DANE without signed answers is may", stranger, level("dane"), sentByMX1, `smtp_tls_security_level = dane with dnssec lookups disabled`},
		{"dane-only without signed answers", good, policy("to.test", "dane-only"), badPolicy, `dane-only configured with dnssec lookups disabled`},
		{"a table on fire", good, func(o *smtp.Options) { o.TLS.Policies = table.Maps{entries{err: errors.New("on fire")}} }, badPolicy, `lookup of to.test: on fire`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.domain("to.test", "10 mx1.to.test")
			w.host("mx1.to.test", "192.0.2.1")
			w.tls = c.server
			switch {
			case c.want == sentByMX1:
				w.server("192.0.2.1:25", secured("mx1.to.test"))
			case c.want != badPolicy:
				w.server("192.0.2.1:25", stopped("mx1.to.test"))
			}
			a := w.agent(func(o *smtp.Options) {
				o.TLS.Roots, o.TLS.VerifyMatch, o.TLS.SecureMatch = ca.pool(), []string{"hostname"}, []string{"nexthop", "dot-nexthop"}
			}, c.edit)
			expect(t, w.deliver(a, request("x@to.test")), c.want)
			if got := w.logged(); !strings.Contains(got, c.log) {
				t.Errorf("logged:\n%s\nwant:\n%s", got, c.log)
			}
		})
	}
}

func (a *authority) mustIssue(names ...string) *tls.Config {
	c, _ := a.issue(names...)
	return c
}

// A destination in brackets or with a port has the policy with these, and none of its domain's.
func TestADestinationHasItsOwnPolicy(t *testing.T) {
	w := newWorld(t)
	w.host("to.test", "192.0.2.1")
	w.server("192.0.2.1:587", hello("to.test", offers)+takes("x@to.test"))
	w.server("192.0.2.1:588", hello("to.test", offers))
	a := w.agent(func(o *smtp.Options) {
		o.TLS.Level, o.TLS.Policies = "none", passwords("to.test", "secure", ".test", "secure", "[to.test]:588", "encrypt")
	})
	for port, want := range map[string]string{
		"587": `sent 2.0.0 to.test[192.0.2.1]:587 (250 2.0.0 Ok: queued as 1A)`,
		"588": `deferred 4.7.4 to.test[192.0.2.1]:588 (TLS is required, but was not offered by host to.test[192.0.2.1]) dead`,
	} {
		r := request("x@to.test")
		r.Nexthop = "[to.test]:" + port
		expect(t, w.deliver(a, r), want)
	}
}

// A connection that was good enough for one destination may not be for another one.
func TestAConnectionServesThePolicyItWasMadeFor(t *testing.T) {
	w := newWorld(t)
	w.domain("to.test", "10 mx.test")
	w.domain("strict.test", "10 mx.test")
	w.host("mx.test", "192.0.2.1")
	w.server("192.0.2.1:25", secured("mx.test"), stopped("mx.test"))
	a := w.agent(func(o *smtp.Options) {
		o.TLS.Level, o.TLS.Policies, o.TLS.SecureMatch = "may", passwords("strict.test", "secure"), []string{"nexthop"}
	})
	expect(t, w.deliver(a, request("x@to.test")), `sent 2.0.0 mx.test[192.0.2.1]:25 (250 2.0.0 Ok: queued as 1A)`)
	r := request("x@to.test")
	r.Nexthop = "strict.test"
	expect(t, w.deliver(a, r), `deferred 4.7.5 mx.test[192.0.2.1]:25 (Server certificate not trusted) dead`)
}

func TestServersAreToldANameWhereThatIsAskedFor(t *testing.T) {
	for _, c := range []struct{ name, set, want string }{
		{"none", "", ""}, {"a fixed one", "mail.other.test", "mail.other.test"},
		{"the host's", "hostname", "mx1.to.test"}, {"the destination's", "nexthop", "to.test"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.domain("to.test", "10 mx1.to.test")
			w.host("mx1.to.test", "192.0.2.1")
			told := make(chan string, 1)
			w.tls = serverTLS(t)
			w.tls.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				told <- h.ServerName
				return nil, nil
			}
			w.server("192.0.2.1:25", secured("mx1.to.test"))
			a := w.agent(func(o *smtp.Options) { o.TLS.Level, o.TLS.ServerName = "may", c.set })
			expect(t, w.deliver(a, request("x@to.test")), sentByMX1)
			if got := <-told; got != c.want {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}
