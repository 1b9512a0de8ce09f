package tlspolicy

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
)

// Digest is a hash function for fingerprints (smtp_tls_fingerprint_digest).
type Digest func(data []byte) []byte

// ParseDigest returns the function with OpenSSL's name for it.
func ParseDigest(name string) (Digest, error) {
	switch strings.ToLower(name) {
	case "md5":
		return func(b []byte) []byte { s := md5.Sum(b); return s[:] }, nil
	case "sha1", "sha":
		return func(b []byte) []byte { s := sha1.Sum(b); return s[:] }, nil
	case "sha224":
		return func(b []byte) []byte { s := sha256.Sum224(b); return s[:] }, nil
	case "sha256":
		return func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }, nil
	case "sha384":
		return func(b []byte) []byte { s := sha512.Sum384(b); return s[:] }, nil
	case "sha512":
		return func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }, nil
	case "sha3-256":
		return func(b []byte) []byte { s := sha3.Sum256(b); return s[:] }, nil
	case "sha3-512":
		return func(b []byte) []byte { s := sha3.Sum512(b); return s[:] }, nil
	}
	return nil, fmt.Errorf("unknown fingerprint digest %q", name)
}

// Fingerprinted reports whether one of prints ("AB:CD:…", colons and case do not matter) is the
// fingerprint of the certificate or of its public key.
func (d Digest) Fingerprinted(leaf *x509.Certificate, prints []string) bool {
	certificate, key := hex.EncodeToString(d(leaf.Raw)), hex.EncodeToString(d(leaf.RawSubjectPublicKeyInfo))
	for _, p := range prints {
		p = strings.ToLower(strings.ReplaceAll(p, ":", ""))
		if p == certificate || p == key {
			return true
		}
	}
	return false
}
