package milter_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
)

// opendkim runs Debian's opendkim as a signer for b.example and returns its address.
func opendkim(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("opendkim")
	if err != nil {
		const why = "opendkim is not here; Debian has it in the package opendkim"
		if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	dir := t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "key")
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	config := filepath.Join(dir, "opendkim.conf")
	for name, text := range map[string]string{file: string(block), config: "Domain b.example\nSelector sel\nKeyFile " + file +
		"\nMode s\nSocket local:" + dir + "/s\nRequireSafeKeys no\nBackground no\nInternalHosts 192.0.2.0/24\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-f", "-x", config)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { defer close(gone); cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-gone })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(20 * time.Second); ; {
		select {
		case <-gone:
			t.Fatalf("opendkim ended: %s", said.String())
		case <-late:
			t.Fatal("opendkim does not listen")
		case <-tick.C:
			if c, err := net.Dial("unix", dir+"/s"); err == nil {
				c.Close()
				return "unix:" + dir + "/s"
			}
		}
	}
}

func TestOpendkimSignsWhatWeShowIt(t *testing.T) {
	w := connect(t, mail.KindSMTP, map[string]string{"address": opendkim(t), "hostname": "mx.example"})
	text := "From: a@b.example\r\nTo: c@d.example\r\nSubject: folded\r\n subject\r\nDate: Mon, 23 Nov 2026 04:00:00 +0000\r\nMessage-ID: <1@b.example>\r\n\r\nbody\r\n"
	for range 2 { // two messages on one connection
		stage, e := w.run(text)
		if e != nil {
			t.Fatal(stage, e)
		}
		s := w.msg.Header().Get("DKIM-Signature")
		if !strings.Contains(s, "d=b.example") || !strings.Contains(s, "s=sel") || !strings.Contains(s, "bh=") {
			t.Fatalf("no signature:\n%s", w.msg.Header().Bytes())
		}
		if first := w.msg.Header().Field(0); !first.Is("DKIM-Signature") {
			t.Fatalf("the signature is not on top but %s", first.Name())
		}
	}
}
