package smtp_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/mtad/mtad/core/dns/dnstest"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/pipeline/deliver/smtp"
)

// smtp_tls_per_site: the level by destination and by server, of which the more specific one and then the
// safer one counts.
func TestPoliciesPerSite(t *testing.T) {
	ca := newAuthority(t)
	good, stranger := ca.mustIssue("mx1.to.test"), newAuthority(t).mustIssue("mx1.to.test")
	plain := hello("mx1.to.test", offers) + takes("x@to.test")
	sites := func(words ...string) table.Maps { return passwords(words...) }
	for _, c := range []struct {
		name, level string
		sites       table.Maps
		server      *tls.Config
		script      string
		want, log   string
	}{
		{"nothing found: the level of all", "encrypt", sites("other.test", "NONE"), stranger, secured("mx1.to.test"), sentByMX1, ""},
		{"NONE against encrypt", "encrypt", sites("to.test", "NONE"), nil, plain, sentByMX1, ""},
		{"MAY gives way to a level of all that asks for more", "encrypt", sites("to.test", "MAY"), nil, hello("mx1.to.test", offers), noTLS, ""},
		{"MAY where there is none", "none", sites("to.test", "may"), stranger, secured("mx1.to.test"), sentByMX1, ""},
		{"NONE beside MAY", "may", sites("to.test", "MAY", "mx1.to.test", "NONE"), nil, plain, sentByMX1, ""},
		{"MUST_NOPEERMATCH", "none", sites("mx1.to.test", "MUST_NOPEERMATCH"), stranger, secured("mx1.to.test"), sentByMX1, ""},
		{"MUST beside NONE", "none", sites("to.test", "NONE", "mx1.to.test", "MUST"), stranger, stopped("mx1.to.test"), notTrusted, ""},
		{"MUST, and it is", "none", sites("to.test", "MUST"), good, secured("mx1.to.test"), sentByMX1, ""},
		{"a word that is none", "none", sites("to.test", "SURE"), nil, "", badPolicy, `smtp_tls_per_site: unknown TLS policy "SURE" for to.test`},
		{"a table on fire", "none", table.Maps{entries{err: errors.New("on fire")}}, nil, "", badPolicy, "on fire"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.domain("to.test", "10 mx1.to.test")
			w.host("mx1.to.test", "192.0.2.1")
			w.tls = c.server
			if c.script != "" {
				w.server("192.0.2.1:25", c.script)
			}
			a := w.agent(func(o *smtp.Options) {
				o.TLS.Level, o.TLS.PerSite, o.TLS.Roots, o.TLS.VerifyMatch = c.level, c.sites, ca.pool(), []string{"hostname"}
			})
			expect(t, w.deliver(a, request("x@to.test")), c.want)
			if got := w.logged(); !strings.Contains(got, c.log) {
				t.Errorf("logged:\n%s\nwant:\n%s", got, c.log)
			}
		})
	}
}

// What a service for MTA-STS (RFC 8461) says in smtp_tls_policy_maps: only the exchangers of the policy
// are used, and their own names count.
func TestAPolicyOfMTASTSNamesItsExchangers(t *testing.T) {
	ca := newAuthority(t)
	const sts = "secure servername=hostname policy_type=sts policy_domain=to.test policy_ttl=86400 { policy_string = version: STSv1 } { policy_string = mode: enforce } "
	const notAllowed = "deferred 4.7.5 mx1.to.test[192.0.2.1]:25 (host mx1.to.test[192.0.2.1] is none that the MTA-STS policy of to.test allows) dead"
	for _, c := range []struct {
		name, policy, certificate, script, want string
		loose                                   bool
	}{
		{"an exchanger of the policy", sts + "mx_host_pattern=mx1.to.test mx_host_pattern=mx2.to.test match=mx1.to.test", "mx1.to.test", secured("mx1.to.test"), sentByMX1, false},
		{"by a pattern", sts + "mx_host_pattern=*.TO.test", "mx1.to.test", secured("mx1.to.test"), sentByMX1, false},
		{"a pattern is one label", sts + "mx_host_pattern=*.test", "mx1.to.test", "", notAllowed, false},
		{"none of the policy", sts + "mx_host_pattern=mx2.to.test", "mx1.to.test", "", notAllowed, false},
		{"its certificate has another name of the policy", sts + "mx_host_pattern=mx1.to.test mx_host_pattern=mx2.to.test match=mx1.to.test:mx2.to.test", "mx2.to.test", stopped("mx1.to.test"), notVerified, false},
		{"which does where only certificates are looked at", sts + "mx_host_pattern=mx9.to.test match=mx1.to.test:mx2.to.test", "mx2.to.test", secured("mx1.to.test"), sentByMX1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.domain("to.test", "10 mx1.to.test")
			w.host("mx1.to.test", "192.0.2.1")
			w.tls = ca.mustIssue(c.certificate)
			if c.script != "" {
				w.server("192.0.2.1:25", c.script)
			}
			a := w.agent(func(o *smtp.Options) {
				o.TLS.Policies, o.TLS.Roots, o.TLS.LooseSTS = passwords("to.test", c.policy), ca.pool(), c.loose
			})
			expect(t, w.deliver(a, request("x@to.test")), c.want)
		})
	}
}

// tls_wildcard_matches_multiple_labels.
func TestWildcardsOfManyLabels(t *testing.T) {
	ca := newAuthority(t)
	for oneLabel, c := range map[bool]struct{ script, want string }{false: {secured("mx1.to.test"), sentByMX1}, true: {stopped("mx1.to.test"), notVerified}} {
		w := newWorld(t)
		w.domain("to.test", "10 mx1.to.test")
		w.host("mx1.to.test", "192.0.2.1")
		w.tls = ca.mustIssue("*.to.test")
		w.server("192.0.2.1:25", c.script)
		a := w.agent(func(o *smtp.Options) {
			o.TLS.Policies, o.TLS.Roots, o.TLS.OneLabel = passwords("to.test", "secure match=customer.mx1.to.test"), ca.pool(), oneLabel
		})
		expect(t, w.deliver(a, request("x@to.test")), c.want)
	}
}

// smtp_tls_force_insecure_host_tlsa_lookup: records of a host whose address is not signed count, if they
// are signed themselves.
func TestRecordsOfAHostThatIsNotSignedMayBeAskedFor(t *testing.T) {
	for force, script := range map[bool]string{false: hello("mx1.to.test", offers) + takes("x@to.test"), true: stopped("mx1.to.test")} {
		zone := dnstest.Start(t, "to.test. MX 10 mx1.to.test.\nmx1.to.test. A 192.0.2.1\n_25._tcp.mx1.to.test. TLSA 3 1 1 "+strings.Repeat("00", 32))
		zone.Always("to.test", "MX", dnstest.Secure)
		zone.Always("_25._tcp.mx1.to.test", "TLSA", dnstest.Secure)
		w := newWorld(t)
		w.tls = newAuthority(t).mustIssue("mx1.to.test")
		w.server("192.0.2.1:25", script)
		a := w.agent(func(o *smtp.Options) {
			o.Resolver, o.TLS.DNSSEC, o.TLS.Level, o.TLS.InsecureTLSA = zone.Resolver(), true, "dane", force
		})
		want := sentByMX1
		if force {
			want = notTrusted
		}
		expect(t, w.deliver(a, request("x@to.test")), want)
	}
}
