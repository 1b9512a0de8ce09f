package tlspolicy

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"strconv"
	"strings"
)

// ProtocolName returns OpenSSL's name of a version, which log tools know: "TLSv1.3".
func ProtocolName(version uint16) string {
	return strings.Replace(strings.Replace(tls.VersionName(version), "TLS ", "TLSv", 1), "v1.0", "v1", 1)
}

// CipherName returns OpenSSL's name of a suite, which log tools know, and the bits of its key. OpenSSL
// leaves out the "TLS" and the "WITH" of suites before TLS 1.3.
func CipherName(id uint16) (name string, bits int) {
	name = tls.CipherSuiteName(id)
	bits = 128
	switch {
	case strings.Contains(name, "256_") || strings.Contains(name, "CHACHA20"):
		bits = 256
	case strings.Contains(name, "3DES"):
		bits = 112
	}
	head, tail, old := strings.Cut(name, "_WITH_")
	if !old {
		return name, bits
	}
	tail = strings.NewReplacer("AES_128_CBC", "AES128", "AES_256_CBC", "AES256", "AES_128", "AES128",
		"AES_256", "AES256", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305", "3DES_EDE_CBC_SHA", "DES-CBC3-SHA",
		"RC4_128", "RC4").Replace(tail)
	head = strings.TrimPrefix(strings.TrimPrefix(head, "TLS_"), "RSA")
	return strings.Trim(strings.ReplaceAll(head+"_"+tail, "_", "-"), "-"), bits
}

// ExchangeName returns the name of a key exchange as Postfix logs it: "X25519", "ECDHE (P-256)"; "" for
// none.
func ExchangeName(id tls.CurveID) string {
	switch id {
	case 0:
		return ""
	case tls.CurveP256:
		return "ECDHE (P-256)"
	case tls.CurveP384:
		return "ECDHE (P-384)"
	case tls.CurveP521:
		return "ECDHE (P-521)"
	}
	return strings.TrimSuffix(id.String(), "Draft00")
}

// SignatureName returns how the owner of a public key signs in TLS 1.3, as Postfix logs it: "RSA-PSS (2048
// bits)", "ECDSA (prime256v1)", "Ed25519"; "" for a key of no such kind.
func SignatureName(public any) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return "RSA-PSS (" + strconv.Itoa(k.N.BitLen()) + " bits)"
	case *ecdsa.PublicKey:
		return "ECDSA (" + curveName(k.Curve.Params().Name) + ")"
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return ""
}

// curveName is OpenSSL's name of a curve.
func curveName(name string) string {
	if i := strings.IndexByte(name, '-'); i >= 0 && name[i+1:] == "256" {
		return "prime256v1"
	} else if i >= 0 {
		return "secp" + name[i+1:] + "r1"
	}
	return name
}
