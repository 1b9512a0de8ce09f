package tlskeys

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
)

// Print is a public key's SHA-256 digest, by which the one who has the private key knows which is meant; ""
// for what is no public key.
func Print(public crypto.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(der)
	return string(sum[:])
}

// Signers returns the private keys of a PEM file.
func Signers(text []byte) (all []crypto.Signer) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if s := signerOf(block.Bytes); s != nil {
			all = append(all, s)
		}
	}
	return all
}

// signerOf reads a private key in DER, in any of the three forms that PEM files have; nil for what is none.
func signerOf(der []byte) crypto.Signer {
	if k, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return k
	}
	if k, err := x509.ParseECPrivateKey(der); err == nil {
		return k
	}
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil
	}
	signer, _ := k.(crypto.Signer)
	return signer
}
