package parent

import (
	"crypto"
	"crypto/x509"
)

// parseKey reads a private key in DER, in any of the three forms that PEM files have; nil for what
// is none.
func parseKey(der []byte) crypto.Signer {
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
