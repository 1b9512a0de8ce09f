package tlspolicy

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"
)

// ErrChainTooLong says that a certificate is trusted, by too many authorities in between.
var ErrChainTooLong = errors.New("certificate chain longer than the limit")

// TrustedClient is Trusted for the certificate of a client: at most depth+1 certificates stand
// between its own and the authority, which is what smtpd_tls_ccert_verifydepth comes to with OpenSSL.
func TrustedClient(chain []*x509.Certificate, roots *x509.CertPool, depth int, now time.Time) error {
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
	chains, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err == nil && !slices.ContainsFunc(chains, func(c []*x509.Certificate) bool { return len(c)-2 <= depth+1 }) {
		err = ErrChainTooLong
	}
	return err
}

// Print returns the fingerprint of data as Postfix writes it: "AB:CD:…".
func (d Digest) Print(data []byte) string {
	sum := d(data)
	b := make([]byte, 0, 3*len(sum))
	for i, c := range sum {
		if i > 0 {
			b = append(b, ':')
		}
		b = hex.AppendEncode(b, []byte{c})
	}
	return strings.ToUpper(string(b))
}

// Complete returns a chain of certificates in DER with those of its issuers that it lacks and that are among
// authorities: servers whose file has their own certificate alone still show the whole chain, as
// with OpenSSL. Certificates that issued themselves are left out: who does not have them does not trust
// them either.
func Complete(chain [][]byte, authorities []*x509.Certificate) [][]byte {
	if len(chain) == 0 {
		return chain
	}
	last, err := x509.ParseCertificate(chain[len(chain)-1])
	for n := 0; err == nil && n < maxChain; n++ {
		i := slices.IndexFunc(authorities, func(a *x509.Certificate) bool { return issued(a, last) })
		if i < 0 || string(authorities[i].RawIssuer) == string(authorities[i].RawSubject) {
			break
		}
		last = authorities[i]
		chain = append(chain[:len(chain):len(chain)], last.Raw)
	}
	return chain
}

// maxChain bounds the certificates that Complete adds.
const maxChain = 8

// issued reports whether a is the issuer of c, and not c itself.
func issued(a, c *x509.Certificate) bool {
	return string(a.RawSubject) == string(c.RawIssuer) && string(a.Raw) != string(c.Raw) && c.CheckSignatureFrom(a) == nil
}
