package master_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// rsaPair is selfSigned with an RSA key, in one file as smtpd_tls_chain_files has it.
func rsaPair(t testing.TB) []byte {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail.mtad.test"}, DNSNames: []string{"mail.mtad.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	return append(key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
}

// A key that root alone may read serves sessions of a worker that never sees it, in every version of
// TLS and for both kinds of keys.
func TestTheParentSignsForTheWorker(t *testing.T) {
	needOwner(t)
	d := newDaemon(t, "mail_owner = postfix", "smtpd_tls_security_level = may", "smtpd_tls_protocols = >=TLSv1.2",
		"smtpd_tls_chain_files = $config_directory/tls/rsa.pem $config_directory/tls/ec.pem")
	d.reachable()
	cert, key := selfSigned(t)
	for name, text := range map[string][]byte{"tls/rsa.pem": rsaPair(t), "tls/ec.pem": append(key, cert...)} {
		if err := os.Chmod(d.write(name, string(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(d.dir, "tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.run()
	for name, o := range map[string]*tls.Config{
		"TLS 1.3":              {MinVersion: tls.VersionTLS13},
		"TLS 1.2 with ECDSA":   {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}},
		"TLS 1.2 with RSA-PSS": {MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}},
	} {
		c := d.hello()
		c.do("STARTTLS", "220")
		o.InsecureSkipVerify = true
		secured := tls.Client(c.c, o)
		if err := secured.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if err := secured.Handshake(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var conn net.Conn = secured
		c.c, c.r = conn, newReader(conn)
		c.do("EHLO client.test", "250")
		c.do("QUIT", "221")
	}
}
