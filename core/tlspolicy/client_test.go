package tlspolicy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/mtad/mtad/core/tlspolicy"
)

// line is a chain of certificates for clients, each issued by the next one; the last issued itself.
func line(t *testing.T, n int) []*x509.Certificate {
	t.Helper()
	chain := make([]*x509.Certificate, n)
	var signer any
	for i := n - 1; i >= 0; i-- {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: string(rune('a' + i))},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
		if i == 0 {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		} else {
			c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		}
		parent := c
		if i < n-1 {
			parent = chain[i+1]
		} else {
			signer = key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		signer = key
	}
	return chain
}

func TestClientsAreTrustedByWhoIssuedTheirCertificates(t *testing.T) {
	chain := line(t, 4) // a, of b, of c, of d
	roots := x509.NewCertPool()
	roots.AddCert(chain[3])
	now := time.Now()
	if err := tlspolicy.TrustedClient(chain[:3], roots, 1, now); err != nil {
		t.Error(err)
	}
	if err := tlspolicy.TrustedClient(chain[:3], roots, 0, now); !errors.Is(err, tlspolicy.ErrChainTooLong) {
		t.Errorf("two in between, depth 0: %v", err)
	}
	if err := tlspolicy.TrustedClient(nil, roots, 9, now); !errors.Is(err, tlspolicy.ErrNoCertificate) {
		t.Errorf("no certificate: %v", err)
	}
	for name, err := range map[string]error{
		"one in between is missing": tlspolicy.TrustedClient(chain[:1], roots, 9, now),
		"no authorities":            tlspolicy.TrustedClient(chain, nil, 9, now),
		"out of date":               tlspolicy.TrustedClient(chain, roots, 9, now.Add(24*time.Hour)),
	} {
		if err == nil {
			t.Errorf("%s: trusted", name)
		}
	}
}

func TestChainsAreCompletedUpToTheAuthority(t *testing.T) {
	chain := line(t, 4)
	for _, c := range []struct {
		name        string
		own         int
		authorities []*x509.Certificate
		want        int
	}{
		{"all are known", 1, []*x509.Certificate{chain[3], chain[2], chain[1]}, 3},
		{"nothing is missing", 3, chain, 3},
		{"the next is not known", 1, chain[2:], 1},
		{"nobody is known", 1, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var own [][]byte
			for _, cert := range chain[:c.own] {
				own = append(own, cert.Raw)
			}
			got := tlspolicy.Complete(own, c.authorities)
			if len(got) != c.want {
				t.Fatalf("got %d certificates, want %d", len(got), c.want)
			}
			for i := range got {
				if string(got[i]) != string(chain[i].Raw) {
					t.Errorf("certificate %d is another one", i)
				}
			}
		})
	}
}

func TestFingerprintsAreWrittenAsPostfixDoes(t *testing.T) {
	d, err := tlspolicy.ParseDigest("md5")
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Print([]byte("abc")); got != "90:01:50:98:3C:D2:4F:B0:D6:96:3F:7D:28:E1:7F:72" {
		t.Error(got)
	}
}
