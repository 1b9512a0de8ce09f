package tlspolicy

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/mtad/mtad/core/dns"
)

// Numbers of RFC 6698 §2.1 that SMTP uses (RFC 7672 §3.1: usages 0 and 1 are of no use).
const (
	usageTA        = 2 // an authority of the domain's own
	usageEE        = 3 // the server's certificate itself
	selectorCert   = 0
	selectorKey    = 1
	matchingWhole  = 0
	matchingSHA256 = 1
	matchingSHA512 = 2
)

// ErrTLSA says that no TLSA record fits the certificates.
var ErrTLSA = errors.New("no TLSA record matches")

// Usable returns the records that SMTP can use, without those that a stronger digest makes
// superfluous (RFC 7671 §9: of the digests of one usage and selector the strongest counts).
func Usable(records []dns.TLSA) []dns.TLSA {
	var all []dns.TLSA
	strongest := map[[2]uint8]uint8{}
	for _, r := range records {
		if !usable(&r) {
			continue
		}
		all = append(all, r)
		kind := [2]uint8{r.Usage, r.Selector}
		strongest[kind] = max(strongest[kind], r.Matching)
	}
	kept := all[:0]
	for _, r := range all {
		if r.Matching == matchingWhole || r.Matching == strongest[[2]uint8{r.Usage, r.Selector}] {
			kept = append(kept, r)
		}
	}
	return kept
}

func usable(r *dns.TLSA) bool {
	if r.Usage != usageTA && r.Usage != usageEE || r.Selector > selectorKey {
		return false
	}
	switch r.Matching {
	case matchingWhole:
		if r.Selector == selectorCert {
			_, err := x509.ParseCertificate(r.Data)
			return err == nil
		}
		_, err := x509.ParsePKIXPublicKey(r.Data)
		return err == nil
	case matchingSHA256:
		return len(r.Data) == sha256.Size
	case matchingSHA512:
		return len(r.Data) == sha512.Size
	}
	return false
}

// DANE returns nil when one of the records, which Usable returned, vouches for the chain (RFC 7672
// §3). A record of usage 3 vouches for the server's certificate whatever names and times it has
// (§3.1.1); one of usage 2 for a chain to its authority, valid now, of a certificate for one of
// names (§3.1.2).
func DANE(chain []*x509.Certificate, records []dns.TLSA, names []string, now time.Time) error {
	if len(chain) == 0 {
		return ErrNoCertificate
	}
	why := ErrTLSA
	for i := range records {
		r := &records[i]
		if r.Usage == usageEE {
			if holds(r, chain[0]) {
				return nil
			}
			continue
		}
		err := anchored(chain, r, now)
		if err == nil {
			if _, ok := Named(chain[0], names); ok {
				return nil
			}
			err = errors.New("the certificate is for another name")
		}
		if !errors.Is(err, ErrTLSA) {
			why = err
		}
	}
	return why
}

// holds reports whether a certificate is the one that a record means.
func holds(r *dns.TLSA, c *x509.Certificate) bool {
	data := c.Raw
	if r.Selector == selectorKey {
		data = c.RawSubjectPublicKeyInfo
	}
	switch r.Matching {
	case matchingSHA256:
		s := sha256.Sum256(data)
		data = s[:]
	case matchingSHA512:
		s := sha512.Sum512(data)
		data = s[:]
	}
	return bytes.Equal(data, r.Data)
}

// anchored returns nil when the chain leads to the authority of a record: one that the server sent, or
// the record's own certificate.
func anchored(chain []*x509.Certificate, r *dns.TLSA, now time.Time) error {
	roots, found := x509.NewCertPool(), false
	for _, c := range chain[1:] {
		if holds(r, c) {
			roots.AddCert(c)
			found = true
		}
	}
	if r.Matching == matchingWhole && r.Selector == selectorCert && !found {
		if c, err := x509.ParseCertificate(r.Data); err == nil {
			roots.AddCert(c)
			found = true
		}
	}
	if !found {
		return ErrTLSA
	}
	if err := Trusted(chain, roots, now); err != nil {
		return fmt.Errorf("the chain to the authority of a TLSA record: %w", err)
	}
	return nil
}
