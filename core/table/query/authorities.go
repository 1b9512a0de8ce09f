package query

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// Authorities are the certificates of a file and of all files of a directory; nil, which stands for the
// system's, when neither is named.
func Authorities(file, dir string) (*x509.CertPool, error) {
	if file == "" && dir == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificates", file)
		}
	}
	if dir == "" {
		return pool, nil
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	found := false
	for _, f := range files {
		if pem, err := os.ReadFile(filepath.Join(dir, f.Name())); err == nil {
			found = pool.AppendCertsFromPEM(pem) || found
		}
	}
	if !found {
		return nil, fmt.Errorf("no file in %s has certificates", dir)
	}
	return pool, nil
}
