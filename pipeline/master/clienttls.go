package master

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/tlspolicy"
	deliver "github.com/mtad/mtad/pipeline/deliver/smtp"
)

// clientTLS is what PREFIX_tls_… says (prefix is smtp or lmtp).
func (g *generation) clientTLS(c *conf.Config, prefix string) (t deliver.TLS, err error) {
	t = deliver.TLS{
		Level: c.TLSLevel(prefix), Wrapper: c.Bool(prefix + "_tls_wrappermode"),
		PlaintextAfter: c.Duration("minimal_backoff_time"), LogLevel: logLevel(c.String(prefix + "_tls_loglevel")),
		NoteOffer: c.Bool(prefix + "_tls_note_starttls_offer"), Sessions: 1000,
		ServerName: c.String(prefix + "_tls_servername"), VerifyMatch: c.List(prefix + "_tls_verify_cert_match"),
		SecureMatch: c.List(prefix + "_tls_secure_cert_match"), Prints: c.List(prefix + "_tls_fingerprint_cert_match"),
		InsecureMX: c.String("smtp_tls_dane_insecure_mx_policy"), DNSSEC: signed(c),
		OneLabel: !c.Bool("tls_wildcard_matches_multiple_labels"),
	}
	words := map[string][3]string{
		"smtp": {"smtp_tls_per_site", "smtp_tls_enforce_sts_mx_patterns", "smtp_tls_force_insecure_host_tlsa_lookup"},
		"lmtp": {"lmtp_tls_per_site", "lmtp_tls_enforce_sts_mx_patterns", "lmtp_tls_force_insecure_host_tlsa_lookup"},
	}[prefix]
	t.LooseSTS, t.InsecureTLSA = !c.Bool(words[1]), c.Bool(words[2])
	if t.Digests, err = tlspolicy.ParseMatching(c.List("tls_dane_digests")); err != nil {
		return t, fmt.Errorf("tls_dane_digests: %w", err)
	}
	if t.PerSite, err = g.openMaps(c, words[0]); err != nil {
		return t, err
	}
	if t.Policies, err = g.openMaps(c, prefix+"_tls_policy_maps"); err != nil {
		return t, err
	}
	if (t.Level == "" || t.Level == "none") && len(t.Policies) == 0 && len(t.PerSite) == 0 {
		return t, nil
	}
	if t.Digest, err = tlspolicy.ParseDigest(c.String(prefix + "_tls_fingerprint_digest")); err != nil {
		return t, fmt.Errorf("%s_tls_fingerprint_digest: %w", prefix, err)
	}
	if t.May.Min, t.May.Max, err = tlsVersions(c, prefix+"_tls_protocols"); err != nil {
		return t, err
	}
	if t.Must.Min, t.Must.Max, err = tlsVersions(c, prefix+"_tls_mandatory_protocols"); err != nil {
		return t, err
	}
	log := g.m.logOf(c, prefix)
	own := func() ([]tls.Certificate, error) { return g.m.around.certificates(c, prefix+"_tls") }
	if t.Certificates, err = keep(own, log); err != nil && !g.withoutTLS(log, err) {
		return t, err
	}
	if t.Roots, err = authorities(c, prefix); err != nil && g.withoutTLS(log, fmt.Errorf("%s_%w", prefix, err)) {
		t.Roots, err = x509.NewCertPool(), nil // nobody is trusted
	}
	return t, err
}

// authorities are the certificates that make a server trusted: those of PREFIX_tls_trust_anchor_file
// alone, or of PREFIX_tls_CAfile and PREFIX_tls_CApath and, if asked for, the system's.
func authorities(c *conf.Config, prefix string) (*x509.CertPool, error) {
	if anchors := c.String(prefix + "_tls_trust_anchor_file"); anchors != "" {
		return roots(anchors, "", nil)
	}
	var pool *x509.CertPool
	if c.Bool("tls_append_default_CA") {
		var err error
		if pool, err = x509.SystemCertPool(); err != nil {
			return nil, fmt.Errorf("tls_append_default_CA: %w", err)
		}
	}
	return roots(c.String(prefix+"_tls_CAfile"), c.String(prefix+"_tls_CApath"), pool)
}

// signed reports whether the DNS is asked for signed answers (smtp_dns_support_level = dnssec).
func signed(c *conf.Config) bool { return c.String("smtp_dns_support_level") == "dnssec" }

// anySigned reports whether some service asks for signed answers: they share the resolver.
func anySigned(c *conf.Config) bool {
	for _, s := range c.Services() {
		if signed(c.For(s)) {
			return true
		}
	}
	return signed(c)
}
