package master

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/tlskeys"
	"github.com/mtad/mtad/core/tlspolicy"
)

// certificates loads PREFIX_chain_files, or the pairs of PREFIX_cert_file and PREFIX_eccert_file. What could be
// loaded is returned with the error.
func (s *surroundings) certificates(c *conf.Config, prefix string) (certs []tls.Certificate, err error) {
	if files := c.List(prefix + "_chain_files"); len(files) > 0 {
		if certs, err = s.keyChains(files); err != nil {
			err = fmt.Errorf("%s_chain_files: %w", prefix, err)
		}
		return certs, err
	}
	for _, kind := range [...]string{"", "ec"} {
		certFile := c.String(prefix + "_" + kind + "cert_file")
		if certFile == "" || certFile == "none" {
			continue
		}
		pair, bad := s.keyPair(certFile, c.String(prefix+"_"+kind+"key_file"))
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("%s_%scert_file: %w", prefix, kind, bad))
			continue
		}
		certs = append(certs, pair)
	}
	return certs, err
}

// keep makes a Store of what load gives now, and will give. A failure now is the caller's to judge.
func keep(load func() ([]tls.Certificate, error), log *maillog.Service) (*tlskeys.Store, error) {
	certs, err := load()
	return tlskeys.NewStore(certs, load, func(err error) {
		log.Warning(err.Error() + "; what was read before stays in use")
	}), err
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
