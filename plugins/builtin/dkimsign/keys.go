package dkimsign

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// key signs for some domains.
type key struct {
	domain, selector string
	patterns         []string // what it signs for: example.com, .example.com (below it), *
	signer           crypto.Signer
}

// signsFor reports whether the key is for mail of a domain, in lower case.
func (k *key) signsFor(domain string) bool {
	for _, p := range k.patterns {
		if p == "*" || p == domain || p[0] == '.' && strings.HasSuffix(domain, p) {
			return true
		}
	}
	return false
}

// Limits of key files. RFC 8301 §3.2 wants signers to use 1024 to 4096 bits of RSA.
const (
	maxKeyFile = 64 << 10
	minBits    = 1024
	maxBits    = 4096
)

// loadKey reads a private key in PEM: RSA (PKCS #1 or #8) or Ed25519 (PKCS #8).
func loadKey(file string) (crypto.Signer, error) {
	text, err := readPrivate(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no key in PEM form", file)
	}
	var parsed any
	if block.Type == "RSA PRIVATE KEY" {
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	} else {
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: no RSA or Ed25519 private key: %w", file, err)
	}
	switch k := parsed.(type) {
	case *rsa.PrivateKey:
		if n := k.N.BitLen(); n < minBits || n > maxBits {
			return nil, fmt.Errorf("%s: an RSA key of %d bits; verifiers want %d to %d (RFC 8301)", file, n, minBits, maxBits)
		}
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, fmt.Errorf("%s: neither an RSA nor an Ed25519 key", file)
}

// readPrivate reads a file that its owner, and at most its group, may read.
func readPrivate(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a file", file)
	case info.Mode().Perm()&0o027 != 0:
		return nil, fmt.Errorf("%s: mode %04o lets others at the key: chmod 0640 (or 0600) it", file, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(text) > maxKeyFile {
		err = errors.New(file + ": too long for a key")
	}
	return text, err
}

// checkName refuses what cannot stand in a d= or s= tag (RFC 6376 §3.5): names of the DNS.
func checkName(what, name string) error {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return fmt.Errorf("%s %q: want a name of letters, digits and hyphens (internationalised ones in their xn-- form)", what, name)
		}
	}
	if len(name) > 253 {
		return fmt.Errorf("%s: longer than 253 bytes", what)
	}
	return nil
}
