package master

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/tlspolicy"
)

// keyLoader loads a certificate and its key.
type keyLoader func(certFile, keyFile string) (tls.Certificate, error)

// certificates loads PREFIX_chain_files, or the pairs of PREFIX_cert_file and PREFIX_eccert_file.
func certificates(load keyLoader, c *conf.Config, prefix string) ([]tls.Certificate, error) {
	var certs []tls.Certificate
	add := func(certFile, keyFile string) error {
		if certFile == "" || certFile == "none" {
			return nil
		}
		pair, err := load(certFile, keyFile)
		if err != nil {
			return fmt.Errorf("%s_cert_file: %w", prefix, err)
		}
		certs = append(certs, pair)
		return nil
	}
	if files := c.List(prefix + "_chain_files"); len(files) > 0 {
		certs, err := chains(load, files)
		if err != nil {
			return nil, fmt.Errorf("%s_chain_files: %w", prefix, err)
		}
		return certs, nil
	}
	if err := add(c.String(prefix+"_cert_file"), c.String(prefix+"_key_file")); err != nil {
		return nil, err
	}
	return certs, add(c.String(prefix+"_eccert_file"), c.String(prefix+"_eckey_file"))
}

// chains loads keys with their certificates: each file has both, or a key alone, whose certificates then are in
// the next file.
func chains(load keyLoader, files []string) (certs []tls.Certificate, err error) {
	for i := 0; i < len(files); i++ {
		pair, err := load(files[i], files[i])
		if err != nil && i+1 < len(files) {
			if two, other := load(files[i+1], files[i]); other == nil {
				pair, err = two, nil
				i++
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", files[i], err)
		}
		certs = append(certs, pair)
	}
	return certs, nil
}

// chainsIn is chains for one text in PEM: each key is followed by its certificates.
func chainsIn(text []byte) (certs []tls.Certificate, err error) {
	var parts [][]byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if len(parts) == 0 || strings.HasSuffix(block.Type, "PRIVATE KEY") {
			parts = append(parts, nil)
		}
		last := &parts[len(parts)-1]
		*last = append(*last, pem.EncodeToMemory(block)...)
	}
	for _, p := range parts {
		pair, err := tls.X509KeyPair(p, p)
		if err != nil {
			return nil, err
		}
		certs = append(certs, pair)
	}
	return certs, nil
}

// tlsVersions reads a list of protocols: ">=TLSv1.2", "<=TLSv1.3", "!TLSv1", or names.
func tlsVersions(c *conf.Config, name string) (lo, hi uint16, err error) {
	if lo, hi, err = tlspolicy.Protocols(c.List(name)); err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return lo, hi, err
}

// logLevel reads smtp_tls_loglevel: a number, or words, of which "none" says nothing and any other
// at least that there was a handshake.
func logLevel(value string) int {
	if n, err := strconv.Atoi(value); err == nil {
		return n
	}
	if value == "" || value == "none" {
		return 0
	}
	return 1
}

// roots adds the certificates of a file and of a directory to pool, which may be nil, and is when
// there are none.
func roots(file, dir string, pool *x509.CertPool) (*x509.CertPool, error) {
	var files []string
	if file != "" {
		files = append(files, file)
	}
	if dir != "" {
		more, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	if len(files) == 0 {
		return pool, nil
	}
	if pool == nil {
		pool = x509.NewCertPool()
	}
	for _, f := range files {
		pem, err := os.ReadFile(f)
		if err != nil && f == file {
			return nil, fmt.Errorf("tls_CAfile: %w", err)
		}
		pool.AppendCertsFromPEM(pem)
	}
	return pool, nil
}
