package tlskeys

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// made makes a key and a certificate for it, in PEM.
func made(t testing.TB, name string) (key, cert []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: inner}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Upper case letters are keys, lower case ones their certificates; an x is
// a certificate of somebody else, p are parameters that OpenSSL writes before keys; files are divided by commas.
func TestEachKeyHasTheCertificatesBehindIt(t *testing.T) {
	blocks := map[rune][]byte{'p': pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{1}})}
	for _, r := range "abcx" {
		key, cert := made(t, string(r))
		blocks[r], blocks[r-'a'+'A'] = cert, key
	}
	for files, want := range map[string]string{
		"Aa":         "0:a",
		"aA":         "0:a",
		"pAa":        "0:a",
		"Aaxx":       "0:axx",
		"aAx":        "0:ax",
		"A,a":        "0:a",
		"A,ax":       "0:ax",
		"AaBb":       "0:a 0:b",
		"AaxBb,C,cx": "0:ax 0:b 1:cx",
		"AaB,bCc":    "0:a 0:b 1:c",
		"Aa,Bb":      "0:a 1:b",
		"aA,bB":      "0:a 1:b",
		"":           "0: no private key with its certificates",
		"p":          "0: no private key with its certificates",
		"a":          "0: certificates without a private key",
		"Aa,x":       "1: certificates without a private key",
		"A":          "0: a private key without certificates behind it",
		"AaB":        "0: a private key without certificates behind it",
		"AB,ab":      "0: a private key without certificates behind it",
		"Ab":         "0: tls: private key does not match public key",
		"Axa":        "0: tls: private key does not match public key",
	} {
		dir, names := t.TempDir(), []string(nil)
		for i, file := range strings.Split(files, ",") {
			var text []byte
			for _, r := range file {
				text = append(append(text, "a comment\n"...), blocks[r]...)
			}
			names = append(names, filepath.Join(dir, fmt.Sprint(i)))
			if err := os.WriteFile(names[i], text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		chains, err := Chains(names)
		if got := strings.ReplaceAll(described(t, chains, err), dir+"/", ""); got != want {
			t.Errorf("%q: %s, want %s", files, got, want)
		}
	}
	if _, err := Chains([]string{"/nowhere/key"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func described(t *testing.T, chains []Chain, err error) string {
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, c := range chains {
		one := c.KeyFile + ":"
		for _, der := range c.Certificate.Certificate {
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			one += cert.Subject.CommonName
		}
		all = append(all, one)
	}
	return strings.Join(all, " ")
}

func TestSignersAreKnownByTheirPrints(t *testing.T) {
	key, cert := made(t, "a")
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := made(t, "b")
	all := Signers(slices.Concat(other, cert, []byte("x\n"), key))
	if len(all) != 2 || Print(all[1].Public()) != Print(pair.Leaf.PublicKey) || Print(all[0].Public()) == Print(all[1].Public()) {
		t.Errorf("%d signers", len(all))
	}
	if !all[1].(*ecdsa.PrivateKey).Equal(pair.PrivateKey) || Print(crypto.PublicKey("x")) != "" {
		t.Error("another key, or a print of nothing")
	}
}

// A Store reads again when it is asked after a while, one reader at a time while the others get what there is,
// and keeps what it has when that fails.
func TestAStoreKeepsStepWithItsFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		certs, err, reads := make([]tls.Certificate, 1), error(nil), 0
		var told []string
		s := NewStore(certs, func() ([]tls.Certificate, error) { reads++; time.Sleep(time.Second); return certs, err },
			func(err error) { told = append(told, err.Error()) })
		want := func(n, read int, trouble ...string) {
			t.Helper()
			if got := s.Certificates(); len(got) != n || reads != read || !slices.Equal(told, trouble) {
				t.Fatalf("%d certificates after %d reads, told %q; want %d, %d, %q", len(got), reads, told, n, read, trouble)
			}
		}
		certs = make([]tls.Certificate, 2)
		want(1, 0)
		time.Sleep(Fresh)
		go func() {
			if time.Sleep(time.Second / 2); len(s.Certificates()) != 1 { // who comes in the middle does not wait
				t.Error("not what there was")
			}
		}()
		want(2, 1)
		want(2, 1)
		certs, err = nil, errors.New("gone")
		time.Sleep(Fresh)
		want(2, 2, "gone")
		time.Sleep(Fresh)
		want(2, 3, "gone") // told once
		certs, err = make([]tls.Certificate, 1), errors.New("half")
		time.Sleep(Fresh)
		want(2, 4, "gone", "half")
		certs = make([]tls.Certificate, 3)
		time.Sleep(Fresh)
		want(3, 5, "gone", "half")
		certs, err = make([]tls.Certificate, 1), nil
		time.Sleep(Fresh)
		want(1, 6, "gone", "half")
		err = errors.New("half")
		time.Sleep(Fresh)
		want(1, 7, "gone", "half", "half") // it was well in between
	})
	if (*Store)(nil).Certificates() != nil {
		t.Error("no Store has certificates")
	}
}

func FuzzParse(f *testing.F) {
	key, cert := made(f, "a")
	f.Add(bytes.Join([][]byte{key, cert, key, cert}, nil))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		chains, err := Parse("file", text)
		if err != nil && len(chains) > 0 {
			t.Error("chains and an error")
		}
		for _, c := range chains {
			if Print(c.Leaf.PublicKey) != Print(c.PrivateKey.(crypto.Signer).Public()) {
				t.Error("a certificate with the key of another")
			}
		}
	})
}
