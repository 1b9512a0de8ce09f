package tlspolicy_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"testing"

	"github.com/mtad/mtad/core/tlspolicy"
)

func TestCipherNamesAreOpenSSLs(t *testing.T) {
	for id, want := range map[uint16]string{
		0x1301: "TLS_AES_128_GCM_SHA256 128", 0x1302: "TLS_AES_256_GCM_SHA384 256", 0x1303: "TLS_CHACHA20_POLY1305_SHA256 256",
		0xc02f: "ECDHE-RSA-AES128-GCM-SHA256 128", 0xc030: "ECDHE-RSA-AES256-GCM-SHA384 256", 0xc02b: "ECDHE-ECDSA-AES128-GCM-SHA256 128",
		0xcca8: "ECDHE-RSA-CHACHA20-POLY1305 256", 0xc013: "ECDHE-RSA-AES128-SHA 128", 0xc027: "ECDHE-RSA-AES128-SHA256 128",
		0x002f: "AES128-SHA 128", 0x0035: "AES256-SHA 256", 0x009c: "AES128-GCM-SHA256 128", 0x000a: "DES-CBC3-SHA 112",
	} {
		name, bits := tlspolicy.CipherName(id)
		if got := fmt.Sprintf("%s %d", name, bits); got != want {
			t.Errorf("%#x is %s, want %s", id, got, want)
		}
	}
	for version, want := range map[uint16]string{0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"} {
		if got := tlspolicy.ProtocolName(version); got != want {
			t.Errorf("%#x is %s, want %s", version, got, want)
		}
	}
}

func TestKeysAreDescribedInOpenSSLsWords(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key  any
		want string
	}{
		{p256.Public(), "ECDSA (prime256v1)"}, {rsaKey.Public(), "RSA-PSS (2048 bits)"}, {edKey, "Ed25519"}, {nil, ""},
	} {
		if got := tlspolicy.SignatureName(c.key); got != c.want {
			t.Errorf("a key of type %T is %q, want %q", c.key, got, c.want)
		}
	}
	for id, want := range map[tls.CurveID]string{tls.X25519: "X25519", tls.CurveP256: "ECDHE (P-256)", tls.CurveP384: "ECDHE (P-384)",
		tls.CurveP521: "ECDHE (P-521)", tls.X25519MLKEM768: "X25519MLKEM768", 0: ""} {
		if got := tlspolicy.ExchangeName(id); got != want {
			t.Errorf("%v is %q, want %q", id, got, want)
		}
	}
}
