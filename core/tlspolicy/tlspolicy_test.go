package tlspolicy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/dns"
	"github.com/mtad/mtad/core/tlspolicy"
)

func TestProtocols(t *testing.T) {
	for _, c := range []struct {
		list        string
		least, most uint16
		fails       string
	}{
		{">=TLSv1", tls.VersionTLS10, tls.VersionTLS13, ""},
		{">=TLSv1.2 <=TLSv1.2", tls.VersionTLS12, tls.VersionTLS12, ""},
		{"!SSLv2 !SSLv3 !TLSv1", tls.VersionTLS11, tls.VersionTLS13, ""},
		{"TLSv1.3", tls.VersionTLS13, tls.VersionTLS13, ""},
		{"tlsv1.2 TLSv1.3 !TLSv1.3", tls.VersionTLS12, tls.VersionTLS12, ""},
		{"", tls.VersionTLS10, tls.VersionTLS13, ""},
		{"SSLv3", 0, 0, "leaves no version"},
		{"<=SSLv3", 0, 0, "leaves no version"},
		{">=TLSv2", 0, 0, "unknown protocol"},
	} {
		t.Run(c.list, func(t *testing.T) {
			least, most, err := tlspolicy.Protocols(strings.Fields(c.list))
			if least != c.least || most != c.most || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %x, %x, %v", least, most, err)
			}
		})
	}
}

func certificate(t *testing.T, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.NotAfter = time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestNamesOfACertificate(t *testing.T) {
	for _, c := range []struct {
		name, held, want string
		is               bool
	}{
		{"the name itself", "mx.test", "MX.test.", true},
		{"another one", "mx.test", "mx2.test", false},
		{"a name below a domain", "mx.a.test", ".a.test", true},
		{"the domain is not below itself", "a.test", ".a.test", false},
		{"a name that ends alike", "evila.test", ".a.test", false},
		{"a wildcard is one label", "*.a.test", "mx.a.test", true},
		{"and not two", "*.a.test", "x.mx.a.test", false},
		{"and not none", "*.a.test", "a.test", false},
		{"a wildcard of a whole top level", "*.test", "a.test", false},
		{"a wildcard in the middle", "mx.*.test", "mx.a.test", false},
		{"the common name without others", "CN=mx.test", "mx.test", true},
		{"nothing wanted", "mx.test", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			template := &x509.Certificate{DNSNames: []string{"first.test", c.held}}
			if cn, ok := strings.CutPrefix(c.held, "CN="); ok {
				template = &x509.Certificate{Subject: pkix.Name{CommonName: cn}}
			}
			if _, is := (tlspolicy.Names{}).Find(certificate(t, template), []string{c.want}); is != c.is {
				t.Errorf("got %v", is)
			}
		})
	}
	withAddress := &x509.Certificate{Subject: pkix.Name{CommonName: "mx.test"}, IPAddresses: []net.IP{{192, 0, 2, 1}}}
	if _, is := (tlspolicy.Names{}).Find(certificate(t, withAddress), []string{"mx.test"}); is {
		t.Error("the common name counted beside another name")
	}
}

func TestDigests(t *testing.T) {
	cert := certificate(t, &x509.Certificate{})
	for _, name := range []string{"md5", "sha1", "sha224", "SHA256", "sha384", "sha512", "sha3-256", "sha3-512"} {
		d, err := tlspolicy.ParseDigest(name)
		if err != nil {
			t.Fatal(err)
		}
		if d.Fingerprinted(cert, []string{"00:11", ""}) {
			t.Errorf("%s: matched what it is not", name)
		}
	}
	if _, err := tlspolicy.ParseDigest("crc32"); err == nil {
		t.Error("crc32 passed")
	}
}

// tls_wildcard_matches_multiple_labels: Postfix's default.
func TestAWildcardMayStandForManyLabels(t *testing.T) {
	cert := certificate(t, &x509.Certificate{DNSNames: []string{"*.a.test", "*.test"}})
	for name, want := range map[string]bool{"x.mx.a.test": true, "mx.a.test": true, "a.test": false, "xa.test": false, "x.eva.test": false, "b.c.test": false} {
		if _, got := (tlspolicy.Names{ManyLabels: true}).Find(cert, []string{name}); got != want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// order is a list of digests.
func order(t *testing.T, words ...string) []tlspolicy.Matching {
	t.Helper()
	all, err := tlspolicy.ParseMatching(words)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// tls_dane_digests says which digests count, and which of them is the best.
func TestTheOrderOfDigestsIsConfigured(t *testing.T) {
	records := []dns.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: make([]byte, 32)}, {Usage: 3, Selector: 1, Matching: 2, Data: make([]byte, 64)}}
	for _, c := range []struct {
		words []string
		want  uint8
	}{{[]string{"sha512=2", "sha256"}, 2}, {[]string{"SHA256=1", "sha512"}, 1}, {[]string{"sha256"}, 1}, {[]string{"sha512"}, 2}} {
		if got := tlspolicy.Usable(append([]dns.TLSA(nil), records...), order(t, c.words...)); len(got) != 1 || got[0].Matching != c.want {
			t.Errorf("%v: got %v", c.words, got)
		}
	}
	for _, bad := range []string{"md5", "sha256=2", "sha512=x", "sha256 sha256"} {
		if _, err := tlspolicy.ParseMatching(strings.Fields(bad)); err == nil {
			t.Errorf("%s passed", bad)
		}
	}
}

// RFC 7671 §9: a weaker digest beside a stronger one of the same kind does not count.
func TestTheStrongestDigestCounts(t *testing.T) {
	a, b := make([]byte, 32), make([]byte, 64)
	got := tlspolicy.Usable([]dns.TLSA{{Usage: 3, Selector: 1, Matching: 1, Data: a}, {Usage: 3, Selector: 1, Matching: 2, Data: b},
		{Usage: 3, Selector: 0, Matching: 1, Data: a}, {Usage: 1, Selector: 1, Matching: 1, Data: a},
		{Usage: 3, Selector: 2, Matching: 1, Data: a}, {Usage: 3, Selector: 1, Matching: 3, Data: a}, {Usage: 2, Selector: 0, Data: a}}, order(t, "sha512", "sha256"))
	if len(got) != 2 || got[0].Matching != 2 || got[1].Selector != 0 {
		t.Errorf("got %v", got)
	}
	if err := tlspolicy.DANE(nil, got, nil, tlspolicy.Names{}, time.Now()); !errors.Is(err, tlspolicy.ErrNoCertificate) {
		t.Errorf("without a certificate: %v", err)
	}
}

// Usage 3 asks for the certificate and nothing else, not even that its time has not run out (RFC 7672
// §3.1.1); usage 2 asks for all (§3.1.2).
func TestTimesMatterToAuthoritiesOnly(t *testing.T) {
	cert := certificate(t, &x509.Certificate{DNSNames: []string{"mx.test"}, IsCA: true, BasicConstraintsValid: true})
	later := time.Now().Add(48 * time.Hour)
	chain := []*x509.Certificate{cert, cert}
	ee, ta := dns.TLSA{Usage: 3, Data: cert.Raw}, dns.TLSA{Usage: 2, Data: cert.Raw}
	if err := tlspolicy.DANE(chain, []dns.TLSA{ee}, nil, tlspolicy.Names{}, later); err != nil {
		t.Errorf("usage 3: %v", err)
	}
	if err := tlspolicy.DANE(chain, []dns.TLSA{ta}, []string{"mx.test"}, tlspolicy.Names{}, time.Now()); err != nil {
		t.Errorf("usage 2: %v", err)
	}
	if err := tlspolicy.DANE(chain, []dns.TLSA{ta}, []string{"mx.test"}, tlspolicy.Names{}, later); err == nil {
		t.Error("usage 2 took an expired certificate")
	}
}

// Whatever an admin writes is a range of versions or an error.
func FuzzProtocols(f *testing.F) {
	for _, s := range []string{">=TLSv1.2", "!SSLv2, !SSLv3", "TLSv1.2 TLSv1.3", "<=TLSv1 >=TLSv1.3", "!", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		least, most, err := tlspolicy.Protocols(strings.Fields(list))
		if err == nil && (least < tls.VersionTLS10 || least > most || most > tls.VersionTLS13) {
			t.Errorf("%q: %x to %x", list, least, most)
		}
	})
}
