package tlspolicy

import (
	"crypto/x509"
	"errors"
	"strings"
	"time"
)

// ErrNoCertificate says that the server showed none.
var ErrNoCertificate = errors.New("no certificate")

// Trusted returns nil when the chain, the server's own certificate first, leads to one of roots now.
// nil roots trust nobody. Names do not matter.
func Trusted(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) error {
	if len(chain) == 0 {
		return ErrNoCertificate
	}
	if roots == nil {
		roots = x509.NewCertPool() // nil would mean those of the system
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return err
}

// Names says how names are compared with those of a certificate.
type Names struct {
	// ManyLabels lets "*.example.com" in a certificate stand for any number of labels
	// (tls_wildcard_matches_multiple_labels); otherwise it is one (RFC 6125 §6.4.3).
	ManyLabels bool
}

// Find returns the first of names that the certificate is for. "example.com" is that name, or what a
// wildcard in the certificate covers; ".example.com" is any name below. The subject's common name
// counts when the certificate has no name of a host otherwise, as Postfix has it.
func (n Names) Find(leaf *x509.Certificate, names []string) (string, bool) {
	held := leaf.DNSNames
	if len(held) == 0 && len(leaf.IPAddresses) == 0 {
		held = []string{leaf.Subject.CommonName}
	}
	for _, want := range names {
		want = strings.ToLower(strings.TrimSuffix(want, "."))
		for _, h := range held {
			if n.matches(strings.ToLower(strings.TrimSuffix(h, ".")), want) {
				return want, true
			}
		}
	}
	return "", false
}

// matches reports whether a name in a certificate is the wanted one. Both are in lower case.
func (n Names) matches(held, want string) bool {
	switch {
	case want == "" || held == "" || strings.IndexByte(held, 0) >= 0:
		return false
	case want[0] == '.':
		return len(held) > len(want) && strings.HasSuffix(held, want)
	case held == want:
		return true
	}
	star, below, ok := strings.Cut(held, ".")
	if !ok || star != "*" || strings.IndexByte(below, '.') <= 0 {
		return false
	}
	if n.ManyLabels {
		return len(want) > len(below)+1 && strings.HasSuffix(want, "."+below)
	}
	_, parent, sub := strings.Cut(want, ".")
	return sub && below == parent
}
