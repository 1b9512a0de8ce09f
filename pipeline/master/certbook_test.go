package master_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// certbook has an authority, one that nobody trusts, and what they issued: servers "server" and "other"
// and clients.
type certbook struct {
	ca    []byte
	pairs map[string]tls.Certificate
}

// theCertbook is made once: tests only read it.
var theCertbook = sync.OnceValues(makeCertbook)

func certs(t testing.TB) *certbook {
	t.Helper()
	b, err := theCertbook()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func makeCertbook() (*certbook, error) {
	b := &certbook{pairs: map[string]tls.Certificate{}}
	var err error
	issue := func(name, by string, change func(*x509.Certificate)) {
		if err == nil {
			err = b.issue(name, by, change)
		}
	}
	authority := func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	}
	client := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	issue("ca", "ca", authority)
	issue("middle", "ca", authority)
	issue("between", "middle", authority)
	issue("lowest", "between", authority)
	issue("stranger-ca", "stranger-ca", authority)
	for _, name := range []string{"server", "other"} {
		issue(name, "ca", func(c *x509.Certificate) {
			c.DNSNames, c.ExtKeyUsage = []string{name + ".test"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})
	}
	issue("good", "ca", client)
	issue("listed", "ca", client)
	issue("deep", "middle", client)
	issue("deeper", "between", client)
	issue("deepest", "lowest", client)
	issue("foreign", "stranger-ca", client)
	issue("self", "self", client)
	issue("noname", "ca", func(c *x509.Certificate) { c.Subject = pkix.Name{Organization: []string{"No Name"}}; client(c) })
	issue("odd", "ca", func(c *x509.Certificate) { c.Subject.CommonName = "a (b) \\c+d=e"; client(c) })
	issue("old", "ca", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		client(c)
	})
	issue("usage", "ca", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	for name, above := range map[string][]string{"deep": {"middle"}, "deeper": {"between", "middle"}, "deepest": {"lowest", "between", "middle"}} {
		c := b.pairs[name]
		for _, a := range above {
			c.Certificate = append(c.Certificate, b.pairs[a].Certificate[0])
		}
		b.pairs[name] = c
	}
	b.ca = certPEM(b.pairs["ca"])
	return b, err
}

// issue makes a certificate and its key.
func (b *certbook) issue(name, by string, change func(*x509.Certificate)) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		return err
	}
	c := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name + ".test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	change(c)
	parent, signer := c, any(key)
	if by != name {
		parent, signer = b.pairs[by].Leaf, b.pairs[by].PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	b.pairs[name] = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	return err
}

func certPEM(c tls.Certificate) (text []byte) {
	for _, der := range c.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

// pem is a key and its certificates, as smtpd_tls_chain_files has them.
func (b *certbook) pem(t testing.TB, name string) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(b.pairs[name].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), certPEM(b.pairs[name])...)
}

// write puts what a server needs into a directory.
func (b *certbook) write(t testing.TB, dir string) {
	t.Helper()
	for name, text := range map[string][]byte{"ca.pem": b.ca, "server.pem": b.pem(t, "server"), "other.pem": b.pem(t, "other")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// config is a client's that shows a certificate, "" for none.
func (b *certbook) config(name string) *tls.Config {
	c := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}}
	if name != "" {
		pair := b.pairs[name]
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return c
}

var bookWords = regexp.MustCompile(`%(PRINT|KEYPRINT|PEM):(\w+)%`)

// expand replaces %PRINT:name%, %KEYPRINT:name% (SHA-256) and %PEM:name% (in base64).
func (b *certbook) expand(t testing.TB, text string) string {
	return bookWords.ReplaceAllStringFunc(text, func(word string) string {
		m := bookWords.FindStringSubmatch(word)
		data := b.pairs[m[2]].Leaf.Raw
		switch m[1] {
		case "PEM":
			return base64.StdEncoding.EncodeToString(b.pem(t, m[2]))
		case "KEYPRINT":
			data = b.pairs[m[2]].Leaf.RawSubjectPublicKeyInfo
		}
		sum := sha256.Sum256(data)
		var parts []string
		for _, c := range sum {
			parts = append(parts, strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
		return strings.Join(parts, ":")
	})
}
