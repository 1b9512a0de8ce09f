package tlspolicy

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// Matching is a digest of TLSA records, by its number (RFC 6698 §2.1.3).
type Matching uint8

// ParseMatching reads a list of digests as tls_dane_digests has it: "sha512 sha256", each perhaps with
// its number, "sha512=2".
func ParseMatching(words []string) ([]Matching, error) {
	var all []Matching
	for _, w := range words {
		name, number, given := strings.Cut(strings.ToLower(w), "=")
		var m Matching
		switch name {
		case "sha256":
			m = matchingSHA256
		case "sha512":
			m = matchingSHA512
		default:
			return nil, fmt.Errorf("unknown digest %q", w)
		}
		if given && number != strconv.Itoa(int(m)) {
			return nil, fmt.Errorf("%q: the number of %s is %d", w, name, m)
		}
		if slices.Contains(all, m) {
			return nil, fmt.Errorf("%q stands twice", w)
		}
		all = append(all, m)
	}
	return all, nil
}

// Usable returns the records that SMTP can use, without those that a better digest makes superfluous
// (RFC 7671 §9: of the digests of one usage and selector the best counts). order has the digests that
// count, the best first.
func Usable(records []dns.TLSA, order []Matching) []dns.TLSA {
	rank := func(r *dns.TLSA) int { return slices.Index(order, Matching(r.Matching)) }
	var all []dns.TLSA
	best := map[[2]uint8]int{}
	for _, r := range records {
		if !usable(&r) || r.Matching != matchingWhole && rank(&r) < 0 {
			continue
		}
		all = append(all, r)
		kind := [2]uint8{r.Usage, r.Selector}
		if old, ok := best[kind]; r.Matching != matchingWhole && (!ok || rank(&r) < old) {
			best[kind] = rank(&r)
		}
	}
	kept := all[:0]
	for _, r := range all {
		if r.Matching == matchingWhole || rank(&r) == best[[2]uint8{r.Usage, r.Selector}] {
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
// names (§3.1.2), compared as n says.
func DANE(chain []*x509.Certificate, records []dns.TLSA, names []string, n Names, now time.Time) error {
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
			if _, ok := n.Find(chain[0], names); ok {
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
