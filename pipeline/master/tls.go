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
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/tlspolicy"
)

// keyLoader loads a certificate and its key.
type keyLoader func(certFile, keyFile string) (tls.Certificate, error)

// engineTLS sets what smtpd_tls_… says.
func engineTLS(load keyLoader, c *conf.Config, o *smtp.Options, log *maillog.Service) error {
	level := c.TLSLevel("smtpd")
	o.ImplicitTLS = c.Bool("smtpd_tls_wrappermode")
	if level == "" || level == "none" {
		if !o.ImplicitTLS {
			return nil
		}
		level = "encrypt"
	}
	certs, err := certificates(load, c, "smtpd_tls")
	if err != nil {
		return err
	}
	if len(certs) == 0 {
		if level != "may" || o.ImplicitTLS {
			return errors.New("smtpd_tls_security_level = " + level + " needs smtpd_tls_cert_file or smtpd_tls_chain_files")
		}
		log.Warning("no server certificate: TLS is not offered (smtpd_tls_cert_file, smtpd_tls_chain_files)")
		return nil
	}
	o.RequireTLS = level != "may"
	name := "smtpd_tls_protocols"
	if o.RequireTLS {
		name = "smtpd_tls_mandatory_protocols"
	}
	lo, hi, err := tlsVersions(c, name)
	if err != nil {
		return err
	}
	o.TLS = &tls.Config{Certificates: certs, MinVersion: lo, MaxVersion: hi}
	return nil
}

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
		for _, f := range files {
			if err := add(f, f); err != nil {
				return nil, err
			}
		}
		return certs, nil
	}
	if err := add(c.String(prefix+"_cert_file"), c.String(prefix+"_key_file")); err != nil {
		return nil, err
	}
	return certs, add(c.String(prefix+"_eccert_file"), c.String(prefix+"_eckey_file"))
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
