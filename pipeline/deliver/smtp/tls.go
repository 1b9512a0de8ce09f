package smtp

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// TLS says when and how connections are encrypted.
type TLS struct {
	// Level is none, may or encrypt (smtp_tls_security_level); "" is none. The other levels
	// of Postfix are refused: they promise what this agent does not check.
	Level string
	// Wrapper starts TLS before SMTP, as port 465 wants (smtp_tls_wrappermode). Needs encrypt.
	Wrapper bool
	// PlaintextAfter is how long a message must have waited before a failed handshake is
	// followed by a plaintext attempt (level may only); 0: at once. Postfix waits for
	// minimal_backoff_time.
	PlaintextAfter time.Duration
	// MinVersion and MaxVersion are tls.Version… numbers (smtp_tls_protocols,
	// smtp_tls_mandatory_protocols); 0: TLS 1.2 and the newest.
	MinVersion, MaxVersion uint16
	// CipherSuites are those of TLS 1.2, nil for Go's (smtp_tls_ciphers).
	CipherSuites []uint16
	// Roots are the certificates that make a server trusted in the log (smtp_tls_CAfile,
	// smtp_tls_CApath); nil: none is.
	Roots *x509.CertPool
	// Certificates are ours, for servers that ask (smtp_tls_cert_file, smtp_tls_key_file).
	Certificates []tls.Certificate
	// ServerName is sent as SNI, "" for none (smtp_tls_servername).
	ServerName string
	// LogLevel logs each handshake from 1 on (smtp_tls_loglevel).
	LogLevel int
	// NoteOffer logs servers that offer STARTTLS when Level is none
	// (smtp_tls_note_starttls_offer).
	NoteOffer bool
	// Sessions is how many TLS sessions are remembered for resumption; 0 for none
	// (smtp_tls_session_cache_database).
	Sessions int
}

func (t *TLS) check() error {
	switch t.Level {
	case "", "none", "may", "encrypt":
	case "dane", "dane-only", "fingerprint", "verify", "secure":
		return fmt.Errorf("smtp_tls_security_level = %s is not supported: servers are not authenticated; use none, may or encrypt", t.Level)
	default:
		return fmt.Errorf("smtp_tls_security_level = %s is unknown", t.Level)
	}
	if t.Wrapper && t.Level != "encrypt" {
		return fmt.Errorf("smtp_tls_wrappermode needs smtp_tls_security_level = encrypt")
	}
	return nil
}

func (t *TLS) wanted() bool   { return t.Level == "may" || t.Level == "encrypt" }
func (t *TLS) required() bool { return t.Level == "encrypt" }

// config returns what all handshakes of the agent share.
func (t *TLS) config() *tls.Config {
	c := &tls.Config{
		MinVersion: t.MinVersion, MaxVersion: t.MaxVersion, CipherSuites: t.CipherSuites,
		Certificates: t.Certificates, ServerName: t.ServerName,
		// Opportunistic TLS has no name to check a certificate against (RFC 7435): whom the
		// DNS calls a domain's mail exchanger, anybody who answers for it may be.
		InsecureSkipVerify: true,
	}
	if c.MinVersion == 0 {
		c.MinVersion = tls.VersionTLS12
	}
	if t.Sessions > 0 {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(t.Sessions)
	}
	return c
}

// trust returns the word for the log: Trusted when the certificate has a chain to Roots,
// Anonymous when there is none.
func (t *TLS) trust(s *tls.ConnectionState) string {
	if len(s.PeerCertificates) == 0 {
		return "Anonymous"
	}
	if t.Roots == nil {
		return "Untrusted"
	}
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	if _, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: t.Roots, Intermediates: between}); err != nil {
		return "Untrusted"
	}
	return "Trusted"
}

// established returns the log line of a handshake, as Postfix words it.
func (t *TLS) established(e *endpoint, s *tls.ConnectionState) string {
	name, bits := cipher(s.CipherSuite)
	n := strconv.Itoa(bits)
	return t.trust(s) + " TLS connection established to " + e.relay() + ": " + protocol(s.Version) +
		" with cipher " + name + " (" + n + "/" + n + " bits)"
}

// protocol returns OpenSSL's name of a version, which log tools know.
func protocol(version uint16) string {
	return strings.Replace(strings.Replace(tls.VersionName(version), "TLS ", "TLSv", 1), "v1.0", "v1", 1)
}

// cipher returns OpenSSL's name of a suite, which log tools know, and the bits of its key. OpenSSL
// leaves out the "TLS" and the "WITH" of suites before TLS 1.3.
func cipher(id uint16) (name string, bits int) {
	name = tls.CipherSuiteName(id)
	bits = 128
	switch {
	case strings.Contains(name, "256_") || strings.Contains(name, "CHACHA20"):
		bits = 256
	case strings.Contains(name, "3DES"):
		bits = 112
	}
	head, tail, old := strings.Cut(name, "_WITH_")
	if !old {
		return name, bits
	}
	tail = strings.NewReplacer("AES_128_CBC", "AES128", "AES_256_CBC", "AES256", "AES_128", "AES128",
		"AES_256", "AES256", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305", "3DES_EDE_CBC_SHA", "DES-CBC3-SHA",
		"RC4_128", "RC4").Replace(tail)
	head = strings.TrimPrefix(strings.TrimPrefix(head, "TLS_"), "RSA")
	return strings.Trim(strings.ReplaceAll(head+"_"+tail, "_", "-"), "-"), bits
}
