package authverify_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin"
	"github.com/mtad/mtad/plugins/sdk"
)

// opendkim runs Debian's opendkim as a signer for signer.example, puts its key into the DNS of w, and
// returns the address of its milter.
func (w *world) opendkim(t *testing.T, canonicalization string) string {
	t.Helper()
	program, err := exec.LookPath("opendkim")
	if err != nil {
		const why = "opendkim is not here; Debian has it in the package opendkim"
		if os.Getenv("MTAD_DEMAND_PEERS") == "1" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	dir, err := os.MkdirTemp("", "od") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := base64.StdEncoding.EncodeToString(der)
	w.dns.Remove("sel._domainkey.signer.example", "TXT")
	w.dns.Add(`sel._domainkey.signer.example. TXT "v=DKIM1; k=rsa; p=` + public[:200] + `" "` + public[200:] + `"`)
	file, config := filepath.Join(dir, "key"), filepath.Join(dir, "conf")
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, text := range map[string]string{file: string(block), config: "Domain signer.example\nSelector sel\nKeyFile " + file + "\nMode s\nSocket local:" + dir +
		"/s\nRequireSafeKeys no\nBackground no\nInternalHosts 127.0.0.1\nOversignHeaders From\nCanonicalization " + canonicalization + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "-f", "-x", config)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() { defer close(gone); cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-gone })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); ; {
		select {
		case <-gone:
			t.Fatal("opendkim ended")
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

// filtered is a message as a milter leaves it.
func filtered(t *testing.T, address, text string) string {
	t.Helper()
	m, err := builtin.Load("milter", "milter", map[string]string{"address": address, "mail": "local"})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(context.Background())
	set := hook.NewSet([]hook.Plugin{{Module: m, Allow: map[string]bool{sdk.CapEdit: true}, Time: time.Minute}}, hook.Options{})
	env := mail.Envelope{ID: "ID1", Sender: "a@signer.example", Recipients: []mail.Recipient{{Address: "c@d.example"}},
		Origin: mail.Origin{Kind: mail.KindSendmail, Client: netip.MustParseAddrPort("192.0.2.1:25")}}
	n, _ := mail.SplitFrom([]byte(text), 0)
	msg := set.Session(&env.Origin).Begin(&env)
	if e := msg.EOM(context.Background(), hook.Text{Header: mail.ParseHeader([]byte(text[:n])), Rest: mail.Bytes(text[n:]), BodyOff: 2}); e != nil {
		t.Fatal(e)
	}
	return string(msg.Header().Bytes()) + text[n:]
}

func TestWeVerifyOpendkimsSignatures(t *testing.T) {
	w := newWorld(t)
	text := "From: A <a@signer.example>\r\nTo: c@d.example\r\nSubject: folded\r\n  subject\r\nDate: Mon, 23 Nov 2026 04:00:00 +0000\r\n\r\nbody  with   spaces \r\n\r\n\r\n"
	for _, canonicalization := range []string{"relaxed/relaxed", "simple/simple"} {
		got := filtered(t, w.opendkim(t, canonicalization), text)
		if o := w.pass(t, nil, good, got); !strings.Contains(o.results, "dkim=pass header.d=signer.example header.s=sel") {
			t.Errorf("%s: %q\n%s", canonicalization, o.results, got)
		}
		if o := w.pass(t, nil, good, strings.Replace(got, "body", "Body", 1)); !strings.Contains(o.results, "dkim=fail") {
			t.Errorf("%s, with another body: %q", canonicalization, o.results)
		}
		if o := w.pass(t, nil, good, "From: x@y.example\r\n"+got); !strings.Contains(o.results, "dkim=fail") {
			t.Errorf("%s, with a second From: %q", canonicalization, o.results)
		}
	}
}
