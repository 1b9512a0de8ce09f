package ldaptable

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/mtad/mtad/core/porttest"
	"github.com/mtad/mtad/core/smtp/smtptest"
)

// keep writes a certificate and its key and returns the names of the files.
func keep(t *testing.T, dir, name string, c tls.Certificate) (cert, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	var chain []byte
	for _, part := range c.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: part})...)
	}
	return write(t, filepath.Join(dir, name+".pem"), string(chain)),
		write(t, filepath.Join(dir, name+".key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

// start_tls, ldaps, tls_require_cert, tls_ca_cert_file, tls_ca_cert_dir, tls_cert and tls_key with a real
// server.
func TestSlapdOverTLS(t *testing.T) {
	own, _ := smtptest.Certificate(t, "127.0.0.1", "localhost")
	other, _ := smtptest.Certificate(t, "localhost")
	dir := t.TempDir()
	cert, key := keep(t, dir, "server", own)
	stranger, strangerKey := keep(t, t.TempDir(), "stranger", other)
	plain, secure := porttest.Addr(t), porttest.Addr(t)
	slapd(t, "TLSCertificateFile "+cert+"\nTLSCertificateKeyFile "+key+"\nTLSVerifyClient never\n", "ldap://"+plain+" ldaps://"+secure)
	base := "bind_dn = cn=admin,dc=example,dc=org\nbind_pw = secret\nresult_attribute = description\nsearch_base = dc=example,dc=org\nquery_filter = (mail=%s)\n"
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "README"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, conf string
		ok         bool
	}{
		{"in the clear", "server_host = ldap://" + plain, true},
		{"host and port", "server_host = " + plain, true},
		{"STARTTLS, whoever it is", "server_host = ldap://" + plain + "\nstart_tls = yes", true},
		{"STARTTLS, known by a file", "server_host = ldap://" + plain + "\nstart_tls = yes\ntls_require_cert = yes\ntls_ca_cert_file = " + cert, true},
		{"STARTTLS, known by a directory", "server_host = ldap://" + plain + "\nstart_tls = yes\ntls_require_cert = yes\ntls_ca_cert_dir = " + dir, true},
		{"STARTTLS, unknown", "server_host = ldap://" + plain + "\nstart_tls = yes\ntls_require_cert = yes\ntls_ca_cert_file = " + stranger, false},
		{"STARTTLS, unknown to the system", "server_host = ldap://" + plain + "\nstart_tls = yes\ntls_require_cert = yes", false},
		{"ldaps, known", "server_host = ldaps://" + secure + "\ntls_require_cert = yes\ntls_ca_cert_file = " + cert, true},
		{"ldaps, unknown", "server_host = ldaps://" + secure + "\ntls_require_cert = yes\ntls_ca_cert_file = " + stranger, false},
		{"ldaps with a certificate of the client", "server_host = ldaps://" + secure + "\ntls_cert = " + stranger + "\ntls_key = " + strangerKey, true},
		{"the first one is down", "server_host = ldap://127.0.0.1:1 ldaps://" + secure, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			v, ok, err := open(t, base+c.conf+"\n").Lookup(context.Background(), "carol@example.org")
			if c.ok && (v != "carolbox" || err != nil) || !c.ok && (ok || err == nil) {
				t.Errorf("got %q %v %v", v, ok, err)
			}
		})
	}
	if _, err := Open(write(t, filepath.Join(t.TempDir(), "l.cf"), "tls_ca_cert_dir = "+empty+"\n"), Options{}); err == nil {
		t.Error("a directory without certificates was taken")
	}
}
