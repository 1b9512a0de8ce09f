package master_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// authentication installs the plugins of the sample configuration with keys of this test, and returns
// the records of the keys by their names in the DNS.
func (d *daemon) authentication() map[string]string {
	d.t.Helper()
	sample, err := os.ReadFile("../../configs/authentication/mtad.toml")
	if err != nil {
		d.t.Fatal(err)
	}
	records := map[string]string{}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		d.t.Fatal(err)
	}
	pub, e, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&r.PublicKey)
	if err != nil {
		d.t.Fatal(err)
	}
	records["r2026._domainkey.example.com"] = "v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der)
	records["e2026._domainkey.example.com"] = "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(pub)
	for name, key := range map[string]crypto.Signer{"r2026": r, "e2026": e} {
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			d.t.Fatal(err)
		}
		file := filepath.Join("dkim", name+".example.com.pem")
		d.write(file, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
		if err := os.Chmod(filepath.Join(d.dir, file), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	d.write("mtad.toml", strings.ReplaceAll(string(sample), "/etc/mtad/dkim", filepath.Join(d.dir, "dkim")))
	return records
}

// The signatures are over what leaves: the address in From is masqueraded, the Date added.
func TestOurMailIsSignedAsItLeaves(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "masquerade_domains = example.com", "local_header_rewrite_clients = permit_mynetworks")
	records := d.authentication()
	d.run()
	d.post("a@host.example.com", "b@rcpt.test", []byte("From: A <a@host.example.com>\r\nSubject: x\r\nBcc: c@rcpt.test\r\n\r\nbody\r\n"))
	got := string(s.wait(t, 1)[0].text)
	all, err := dkim.VerifyWithOptions(strings.NewReader(got), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		return []string{records[name]}, nil
	}})
	if err != nil || len(all) != 2 || all[0].Err != nil || all[1].Err != nil {
		t.Fatalf("%v %+v\n%s", err, all, got)
	}
	if !strings.Contains(got, "From: A <a@example.com>\r\n") || !strings.Contains(got, "\r\nDate: ") || strings.Contains(got, "Authentication-Results") {
		t.Fatalf("got\n%s", got)
	}
}

// Without DNS nothing can be said of a stranger, and nobody is refused for it.
func TestMailOfStrangersIsChecked(t *testing.T) {
	s := newSink(t)
	d := newDaemon(t, "relayhost = "+s.nexthop(), "relay_domains = rcpt.test", "mynetworks = 192.0.2.0/24")
	d.authentication()
	d.run()
	d.post("a@example.com", "b@rcpt.test", []byte("Authentication-Results: mail.mtad.test; spf=pass\r\nFrom: a@example.com\r\nSubject: x\r\n\r\nbody\r\n"))
	got := string(s.wait(t, 1)[0].text)
	if strings.Contains(got, "DKIM-Signature") || strings.Contains(got, "spf=pass") ||
		!strings.Contains(got, "Authentication-Results: mail.mtad.test;\r\n\tspf=temperror ") || !strings.Contains(got, "dmarc=temperror") {
		t.Fatalf("got\n%s", got)
	}
	d.log.wait(t, `plugin auth: spf=temperror \(a@example\.com\) dkim=none dmarc=temperror \(example\.com\)`)
}

func TestABuiltinThatLacksACapabilityIsRefused(t *testing.T) {
	d := start(t)
	d.write("mtad.toml", "[[plugin]]\nname = \"auth\"\nbuiltin = \"auth_verify\"\nallow = [\"edit\"]\n")
	d.signal(syscall.SIGHUP)
	d.log.wait(t, `plugin auth: it asks for "dns", which its configuration does not grant: add allow = \["dns"\]`)
}
