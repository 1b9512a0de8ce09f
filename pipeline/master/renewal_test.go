package master_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// replace puts a file in the place of another in one step, as who renews certificates does.
func replace(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// shown returns the certificate that a client sees, in DER.
func (d *daemon) shown(name string) []byte {
	d.t.Helper()
	c, err := d.secured(&tls.Config{InsecureSkipVerify: true, ServerName: name})
	if err != nil {
		d.t.Fatalf("no handshake: %v", err)
	}
	c.expect("250")
	defer c.c.Close()
	return c.c.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
}

// A certificate that was renewed with another key is served a few seconds after its files are complete, and no
// handshake fails before: neither while only one of the files is new, nor after. Nobody reloads mtad.
func TestARenewedCertificateIsServedWithoutAReload(t *testing.T) {
	for _, owner := range []string{"root", "postfix"} {
		t.Run(owner, func(t *testing.T) {
			needOwner(t)
			d := newDaemon(t, "mail_owner = "+owner, "smtpd_tls_security_level = may", "smtpd_tls_cert_file = $config_directory/tls/cert.pem",
				"smtpd_tls_key_file = $config_directory/tls/key.pem", "tls_server_sni_maps = texthash:$config_directory/names")
			d.reachable()
			both := filepath.Join(d.dir, "tls", "both.pem")
			d.write("names", "other.test "+both+"\n")
			d.write("tls/directory", "")
			certFile, keyFile := filepath.Join(d.dir, "tls/cert.pem"), filepath.Join(d.dir, "tls/key.pem")
			cert, key := selfSigned(t)
			replace(t, certFile, cert)
			replace(t, keyFile, key)
			replace(t, both, append(key, cert...))
			if err := os.Chmod(filepath.Join(d.dir, "tls"), 0o700); err != nil {
				t.Fatal(err)
			}
			d.run()
			first := d.shown("")
			if !bytes.Equal(first, d.shown("other.test")) {
				t.Error("another certificate for the name")
			}
			cert, key = selfSigned(t)
			replace(t, keyFile, key) // for a moment the two do not fit
			replace(t, both, append(key, cert...))
			if !bytes.Equal(first, d.shown("")) {
				t.Error("another certificate than was read")
			}
			d.becomes("other.test", cert)
			if !bytes.Equal(first, d.shown("")) {
				t.Error("another certificate than the one whose key there was")
			}
			replace(t, certFile, cert)
			d.becomes("", cert)
		})
	}
}

// becomes waits until clients see a certificate.
func (d *daemon) becomes(name string, cert []byte) {
	d.t.Helper()
	block, _ := pem.Decode(cert)
	for end := time.Now().Add(patience); !bytes.Equal(d.shown(name), block.Bytes); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("%q: the renewed certificate is not served", name)
		}
	}
}

// A file of smtpd_tls_chain_files may have several keys, each with its certificates behind it.
func TestOneFileHasSeveralKeysWithTheirCertificates(t *testing.T) {
	for _, owner := range []string{"root", "postfix"} {
		t.Run(owner, func(t *testing.T) {
			needOwner(t)
			d := newDaemon(t, "mail_owner = "+owner, "smtpd_tls_security_level = may", "smtpd_tls_protocols = >=TLSv1.2",
				"smtpd_tls_chain_files = $config_directory/both.pem")
			d.reachable()
			cert, key := selfSigned(t)
			replace(t, filepath.Join(d.dir, "both.pem"), bytes.Join([][]byte{rsaPair(t), key, cert}, nil))
			d.run()
			for suite, want := range map[uint16]string{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDSA", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "RSA"} {
				c, err := d.secured(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
				if err != nil {
					t.Errorf("%s: %v", want, err)
					continue
				}
				c.expect("250")
				state := c.c.(*tls.Conn).ConnectionState()
				if got := state.PeerCertificates[0].PublicKeyAlgorithm.String(); got != want || len(state.PeerCertificates) != 1 {
					t.Errorf("%s with %d certificates, want %s with one", got, len(state.PeerCertificates), want)
				}
			}
		})
	}
}
