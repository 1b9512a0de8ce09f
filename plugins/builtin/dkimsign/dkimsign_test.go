package dkimsign_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/pipeline/hook"
	"github.com/mtad/mtad/plugins/builtin"
	"github.com/mtad/mtad/plugins/sdk"
)

// rsaKey is made once: it takes a while.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// keyring is private keys in files and their records in the DNS.
type keyring struct {
	dir     string
	records map[string]string
}

func newKeyring(t *testing.T) *keyring { return &keyring{t.TempDir(), map[string]string{}} }

// add writes a key file for selector and domain and returns its path.
func (k *keyring) add(t *testing.T, selector, domain string, key crypto.Signer) string {
	t.Helper()
	record := "v=DKIM1; k=rsa; p="
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if pub, ok := key.Public().(ed25519.PublicKey); ok {
		record, der = "v=DKIM1; k=ed25519; p=", pub
	}
	if err != nil {
		t.Fatal(err)
	}
	k.records[selector+"._domainkey."+domain] = record + base64.StdEncoding.EncodeToString(der)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(k.dir, selector+"."+domain)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// verify returns the domains whose signatures hold; one that does not hold ends the test.
func (k *keyring) verify(t *testing.T, text string) (domains []string) {
	t.Helper()
	all, err := dkim.VerifyWithOptions(strings.NewReader(text), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if r, ok := k.records[name]; ok {
			return []string{r}, nil
		}
		return nil, errors.New("no key " + name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Err != nil {
			t.Fatalf("the signature of %s: %v\n%s", v.Domain, v.Err, text)
		}
		domains = append(domains, v.Domain)
	}
	return domains
}

// keys is a table of keys; the name "broken.example" cannot be asked for.
type keys map[string]string

func (k keys) Lookup(_ context.Context, name string) (string, bool, error) {
	if name == "broken.example" {
		return "", false, errors.New("no answer")
	}
	v, ok := k[name]
	return v, ok, nil
}

// client says where mail comes from.
type client struct {
	kind    mail.Kind
	user    string
	trusted bool
}

var trusted = client{kind: mail.KindSMTP, trusted: true}

// pass sends a message through the plugin and returns it as it leaves.
func pass(t testing.TB, config map[string]string, table keys, from client, text string) (string, *status.Error) {
	t.Helper()
	m, err := builtin.Load("sign", "dkim_sign", config)
	if err != nil {
		t.Fatal(err)
	}
	set := hook.NewSet([]hook.Plugin{{Module: m, Allow: map[string]bool{sdk.CapEdit: true, sdk.CapMap: true}, Config: config,
		Maps: map[string]hook.Table{"keys": table}}}, hook.Options{})
	env := mail.Envelope{ID: "ID1", Sender: "a@b.example", Recipients: []mail.Recipient{{Address: "c@d.example"}},
		Origin: mail.Origin{Kind: from.kind, Client: netip.MustParseAddrPort("192.0.2.1:25"), SASLUser: from.user, Trusted: from.trusted}}
	n, _ := mail.SplitFrom([]byte(text), 0)
	msg := set.Session(&env.Origin).Begin(&env)
	e := msg.EOM(context.Background(), hook.Text{Header: mail.ParseHeader([]byte(text[:n])), Rest: mail.Bytes(text[n:]), BodyOff: 2})
	return string(msg.Header().Bytes()) + text[n:], e
}

const message = "From: A <a@B.example>\r\nTo: c@d.example\r\nSubject: folded\r\n subject\r\nDate: Mon, 23 Nov 2026 04:00:00 +0000\r\n" +
	"Message-ID: <1@b.example>\r\nX-Other: 1\r\n\r\nbody  text\r\n\r\n\r\n"

func TestSignaturesHold(t *testing.T) {
	k := newKeyring(t)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	rsaFile, edFile := k.add(t, "r1", "b.example", rsaKey()), k.add(t, "e1", "b.example", ed)
	large := message + strings.Repeat("a line of a long message\r\n", 20000)
	for _, c := range []struct {
		name   string
		config map[string]string
		text   string
		want   int
	}{
		{"RSA", map[string]string{"domain": "b.example", "selector": "r1", "key": rsaFile}, message, 1},
		{"Ed25519", map[string]string{"domain": "b.example", "selector": "e1", "key": edFile}, message, 1},
		{"simple canonicalization", map[string]string{"domain": "b.example", "selector": "r1", "key": rsaFile, "canonicalization": "simple/simple"}, message, 1},
		{"an expiry", map[string]string{"domain": "b.example", "selector": "r1", "key": rsaFile, "expire": "168h"}, message, 1},
		{"both kinds", map[string]string{"keys.a.domain": "b.example", "keys.a.selector": "r1", "keys.a.key": rsaFile,
			"keys.b.domain": "b.example", "keys.b.selector": "e1", "keys.b.key": edFile}, message, 2},
		{"a long body", map[string]string{"domain": "b.example", "selector": "r1", "key": rsaFile}, large, 1},
		{"no body", map[string]string{"domain": "b.example", "selector": "r1", "key": rsaFile}, "From: a@b.example\r\n\r\n", 1},
		{"a subdomain", map[string]string{"domain": "b.example", "selector": "r1", "key": rsaFile, "for": ".b.example"}, strings.Replace(message, "a@B", "a@sub.B", 1), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, e := pass(t, c.config, nil, trusted, c.text)
			if e != nil {
				t.Fatal(e)
			}
			if n := len(k.verify(t, got)); n != c.want {
				t.Fatalf("%d signatures, want %d\n%s", n, c.want, got)
			}
			if !strings.HasPrefix(got, "DKIM-Signature:") || !strings.HasSuffix(got, c.text) {
				t.Fatalf("the message changed:\n%s", got)
			}
			for line := range strings.SplitSeq(got, "\r\n") {
				if len(line) > 998 {
					t.Fatalf("a line of %d bytes", len(line))
				}
			}
		})
	}
}

func TestWhatIsAddedToASignedMessageBreaksIt(t *testing.T) {
	k := newKeyring(t)
	file := k.add(t, "s", "b.example", rsaKey())
	got, _ := pass(t, map[string]string{"domain": "b.example", "selector": "s", "key": file}, nil, trusted, message)
	for _, field := range []string{"From: x@y.example", "Subject: another", "Reply-To: x@y.example", "Cc: x@y.example"} {
		all, err := dkim.VerifyWithOptions(strings.NewReader(field+"\r\n"+got), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
			return []string{k.records[name]}, nil
		}})
		if err != nil || len(all) != 1 || all[0].Err == nil {
			t.Errorf("with %q on top the signature still holds: %v", field, err)
		}
	}
	if k.verify(t, "X-Trace: 1\r\n"+got) == nil {
		t.Error("a field that is not signed breaks the signature")
	}
}

func TestOnlyOurOwnMailIsSigned(t *testing.T) {
	k := newKeyring(t)
	file := k.add(t, "s", "b.example", rsaKey())
	for _, c := range []struct {
		name, sign string
		from       client
		text       string
		want       bool
	}{
		{"a stranger's mail is not", "", client{kind: mail.KindSMTP}, message, false},
		{"mail of mynetworks is", "", trusted, message, true},
		{"an authenticated user's is", "", client{kind: mail.KindSMTP, user: "a"}, message, true},
		{"mail of sendmail is", "", client{kind: mail.KindSendmail}, message, true},
		{"a notice of ours is", "", client{kind: mail.KindBounce}, message, true},
		{"forwarded mail is not", "", client{kind: mail.KindForward}, message, false},
		{"mail of mynetworks is not when it is not asked for", "local authenticated", trusted, message, false},
		{"mail of another domain is not", "", trusted, strings.Replace(message, "a@B", "a@x", 1), false},
		{"mail of a subdomain is not", "", trusted, strings.Replace(message, "a@B", "a@sub.b", 1), false},
		{"mail without From is not", "", trusted, "Subject: x\r\n\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, e := pass(t, map[string]string{"domain": "b.example", "selector": "s", "key": file, "sign": c.sign}, nil, c.from, c.text)
			if e != nil || strings.HasPrefix(got, "DKIM-Signature") != c.want {
				t.Fatalf("%v\n%s", e, got)
			}
		})
	}
}

func TestATableNamesTheKeysOfManyDomains(t *testing.T) {
	k := newKeyring(t)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	table := keys{
		"one.example":  "s:one.example:" + k.add(t, "s", "one.example", ed),
		".two.example": "s:two.example:" + k.add(t, "s", "two.example", ed) + ", t:two.example:" + k.add(t, "t", "two.example", rsaKey()),
		"bad.example":  "s:bad.example:" + filepath.Join(k.dir, "missing"),
	}
	config := map[string]string{"maps.keys": "inline:"}
	for domain, want := range map[string]string{"one.example": "one.example", "a.b.two.example": "two.example two.example", "three.example": "", "two.example": ""} {
		got, e := pass(t, config, table, trusted, strings.Replace(message, "B.example", domain, 1))
		if e != nil {
			t.Fatal(e)
		}
		if domains := strings.Join(k.verify(t, got), " "); domains != want {
			t.Errorf("mail of %s is signed by %q, want %q", domain, domains, want)
		}
	}
	for _, domain := range []string{"bad.example", "broken.example"} {
		if _, e := pass(t, config, table, trusted, strings.Replace(message, "B.example", domain, 1)); e == nil || e.Reply.Code != 451 {
			t.Errorf("mail of %s that cannot be signed gets %v", domain, e)
		}
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	k := newKeyring(t)
	file := k.add(t, "s", "b.example", rsaKey())
	open := filepath.Join(k.dir, "open")
	text, _ := os.ReadFile(file)
	if err := os.WriteFile(open, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(k.dir, "short")
	if err := os.WriteFile(short, []byte(weakKey), 0o600); err != nil {
		t.Fatal(err)
	}
	good := func(more ...string) map[string]string {
		c := map[string]string{"domain": "b.example", "selector": "s", "key": file}
		for i := 0; i < len(more); i += 2 {
			c[more[i]] = more[i+1]
		}
		return c
	}
	for want, config := range map[string]map[string]string{
		"set domain, selector and key": {},
		"go together":                  {"domain": "b.example"},
		"no such setting":              good("colour", "red"),
		"want local, authenticated":    good("sign", "everybody"),
		"From has to be signed":        good("headers", "To Subject"),
		"no name of a header field":    good("headers", "From T:o"),
		"want relaxed or simple":       good("canonicalization", "strict"),
		"want a time of 1h or more":    good("expire", "1m"),
		"lets others at the key":       good("key", open),
		"no such file":                 good("key", file+".gone"),
		"no key in PEM form":           good("key", writeFile(t, k.dir, "x")),
		"not a file":                   good("key", k.dir),
		"want a name of letters":       good("domain", "b.example; h=x"),
		"an RSA key of":                good("key", short),
	} {
		if _, err := builtin.Load("sign", "dkim_sign", config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", config, err, want)
		}
	}
}

// weakKey is an RSA key of 512 bits, which Go makes no more.
const weakKey = `-----BEGIN PRIVATE KEY-----
MIIBVAIBADANBgkqhkiG9w0BAQEFAASCAT4wggE6AgEAAkEA3BUFozxvouN6sRak
W1R1f/yWps3gQ9PW/bNlxA0vSdEb6wzhvj8Q1BZqtTCx40d2UJmYQt6q4sCJlioQ
cSLm6QIDAQABAkBioAUTvsykaV6dJ3FmADZbsZztiUsb+j3ZGWDcd7AeWoMG5uNr
Q5Mdg/Cp46bYZ8hwJE5TAvW5mLAY1foB1ixlAiEA/Nb1p6t3yN8uVo/aIWu+XCCU
i/gyKFCFtomDFwIfrlsCIQDe1T6HDImQUCBGBi6Xi1xKjptI1/o2eESW+m8Kc0GL
CwIgH8kqYuTUj0U3fxxgkNkJum1CH4KZU6Yj2TnaaBcVQocCIQCtwlsftAcRIWoJ
MIjkYyd0e/9arg/OqbnSgTZVT8qsQQIgGnPPBxveC2pSP968FpGJVwSf1wn7nIDb
TNUlru1w4Js=
-----END PRIVATE KEY-----
`

func writeFile(t *testing.T, dir, text string) string {
	t.Helper()
	file := filepath.Join(dir, "text")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func BenchmarkSign(b *testing.B) {
	dir := b.TempDir()
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	private, _ := x509.MarshalPKCS8PrivateKey(ed)
	file := filepath.Join(dir, "k")
	os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
	config := map[string]string{"domain": "b.example", "selector": "s", "key": file}
	b.ReportAllocs()
	for b.Loop() {
		pass(b, config, nil, trusted, message)
	}
}
