package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/table"
	"github.com/mtad/mtad/core/tlskeys"
	"github.com/mtad/mtad/core/tlspolicy"
)

// The security levels of postconf(5) (smtp_tls_security_level), the weakest first.
const (
	levelNone        = "none"
	levelMay         = "may"
	levelEncrypt     = "encrypt"
	levelFingerprint = "fingerprint"
	levelVerify      = "verify"
	levelSecure      = "secure"
	levelDANE        = "dane"
	levelDANEOnly    = "dane-only"
)

func isLevel(word string) bool {
	switch word {
	case levelNone, levelMay, levelEncrypt, levelFingerprint, levelVerify, levelSecure, levelDANE, levelDANEOnly:
		return true
	}
	return false
}

// Versions are tls.Version… numbers; 0: TLS 1.2 and the newest.
type Versions struct{ Min, Max uint16 }

// TLS says when and how connections are encrypted, and which servers are good enough.
type TLS struct {
	// Level is what holds for destinations without a policy (smtp_tls_security_level); "" is none.
	Level string
	// Policies have "level attribute=value …" by destination (smtp_tls_policy_maps).
	Policies table.Maps
	// Wrapper starts TLS before SMTP, as port 465 wants (smtp_tls_wrappermode). Needs a level
	// of encrypt or more.
	Wrapper bool
	// PlaintextAfter is how long a message must have waited before a failed handshake is
	// followed by a plaintext attempt (level may only); 0: at once. Postfix waits for
	// minimal_backoff_time.
	PlaintextAfter time.Duration
	// May and Must are the versions at level may and above it (smtp_tls_protocols,
	// smtp_tls_mandatory_protocols).
	May, Must Versions
	// Roots are the certificates that make a server trusted (smtp_tls_CAfile, smtp_tls_CApath,
	// smtp_tls_trust_anchor_file); nil: none is.
	Roots *x509.CertPool
	// Certificates are ours, for servers that ask (smtp_tls_cert_file, smtp_tls_key_file).
	Certificates *tlskeys.Store
	// ServerName is sent as SNI: "" for none, "hostname", "nexthop" or a name
	// (smtp_tls_servername).
	ServerName string
	// VerifyMatch and SecureMatch are the names that a certificate must have at these levels:
	// "hostname", "nexthop", "dot-nexthop" or names (smtp_tls_verify_cert_match,
	// smtp_tls_secure_cert_match).
	VerifyMatch, SecureMatch []string
	// Prints are the fingerprints of level fingerprint (smtp_tls_fingerprint_cert_match), made
	// by Digest (smtp_tls_fingerprint_digest; nil for SHA-256).
	Prints []string
	Digest tlspolicy.Digest
	// InsecureMX is what becomes of dane when the MX records are not signed: none, may, encrypt
	// or dane (smtp_tls_dane_insecure_mx_policy); "" is dane.
	InsecureMX string
	// InsecureTLSA looks for TLSA records although the address of a server is not signed
	// (smtp_tls_force_insecure_host_tlsa_lookup).
	InsecureTLSA bool
	// Digests are the digests of TLSA records that count, the strongest first (tls_dane_digests); nil
	// for SHA-512 and SHA-256.
	Digests []tlspolicy.Matching
	// OneLabel makes a wildcard in a certificate stand for one label only
	// (tls_wildcard_matches_multiple_labels=no).
	OneLabel bool
	// PerSite are the policies of before Postfix 2.3, NONE, MAY, MUST_NOPEERMATCH and MUST by
	// destination and by server, where Policies is empty (smtp_tls_per_site).
	PerSite table.Maps
	// LooseSTS takes the names of a policy that MTA-STS made (RFC 8461) for those of certificates
	// only (smtp_tls_enforce_sts_mx_patterns=no).
	LooseSTS bool
	// DNSSEC says that the resolver can be believed about signatures (smtp_dns_support_level).
	// Without it, and a Resolver that is a SecureResolver, dane is may, and dane-only defers.
	DNSSEC bool
	// LogLevel logs each handshake from 1 on (smtp_tls_loglevel).
	LogLevel int
	// NoteOffer logs servers that offer STARTTLS when TLS is not used
	// (smtp_tls_note_starttls_offer).
	NoteOffer bool
	// Sessions is how many TLS sessions are remembered for resumption; 0 for none
	// (smtp_tls_session_cache_database).
	Sessions int
}

// SecureResolver is a Resolver that says whether answers were signed. Level dane needs it.
type SecureResolver interface {
	Resolver
	Query(ctx context.Context, name string, t dns.Type) (dns.Answer, error)
	TLSA(ctx context.Context, name string) (records []dns.TLSA, secure bool, err error)
}

func (t *TLS) check() error {
	if t.Level == "" {
		t.Level = levelNone
	}
	switch {
	case !isLevel(t.Level):
		return fmt.Errorf("smtp_tls_security_level = %s is unknown", t.Level)
	case t.Wrapper && (t.Level == levelNone || t.Level == levelMay):
		return errors.New("smtp_tls_wrappermode needs smtp_tls_security_level = encrypt or more")
	case t.Level == levelFingerprint && len(t.Prints) == 0 && len(t.Policies) == 0:
		return errors.New("smtp_tls_security_level = fingerprint needs smtp_tls_fingerprint_cert_match")
	}
	switch t.InsecureMX {
	case "", levelNone, levelMay, levelEncrypt, levelDANE:
	default:
		return fmt.Errorf("smtp_tls_dane_insecure_mx_policy = %s is unknown", t.InsecureMX)
	}
	if len(t.Digests) == 0 {
		t.Digests, _ = tlspolicy.ParseMatching([]string{"sha512", "sha256"})
	}
	if t.Digest == nil {
		t.Digest, _ = tlspolicy.ParseDigest("sha256")
	}
	return nil
}

// shared reports whether the same holds for every destination, so that a connection made for one
// serves another one at the same address.
func (t *TLS) shared() bool {
	return len(t.Policies) == 0 && len(t.PerSite) == 0 && (t.Level == levelNone || t.Level == levelMay || t.Level == levelEncrypt)
}

// config returns what all handshakes of the agent share.
func (t *TLS) config() *tls.Config {
	c := &tls.Config{
		GetClientCertificate: func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return t.Certificates.Asked(request), nil
		},
		// Opportunistic TLS has no name to check a certificate against (RFC 7435): whom the
		// DNS calls a domain's mail exchanger, anybody who answers for it may be. The levels that
		// ask for more check the certificates after the handshake (policy.judge).
		InsecureSkipVerify: true,
	}
	if t.Sessions > 0 {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(t.Sessions)
	}
	return c
}

// established returns the log line of a handshake, as Postfix words it; word is what the server
// proved: Verified, Trusted, Untrusted or Anonymous.
func established(word string, e *endpoint, s *tls.ConnectionState) string {
	name, bits := tlspolicy.CipherName(s.CipherSuite)
	n := strconv.Itoa(bits)
	return word + " TLS connection established to " + e.relay() + ": " + tlspolicy.ProtocolName(s.Version) +
		" with cipher " + name + " (" + n + "/" + n + " bits)"
}
