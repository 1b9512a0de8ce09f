package master

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtp"
	deliver "github.com/mtad/mtad/pipeline/deliver/smtp"
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
	if prefix == "smtpd_tls" {
		if err := add(c.String("smtpd_tls_eccert_file"), c.String("smtpd_tls_eckey_file")); err != nil {
			return nil, err
		}
	}
	return certs, nil
}

// protocol names of postconf(5) smtpd_tls_protocols, oldest first. Go's TLS begins with 1.0.
var protocols = []struct {
	name    string
	version uint16
}{{"SSLv2", 0}, {"SSLv3", 0}, {"TLSv1", tls.VersionTLS10}, {"TLSv1.1", tls.VersionTLS11},
	{"TLSv1.2", tls.VersionTLS12}, {"TLSv1.3", tls.VersionTLS13}}

// tlsVersions reads a list of protocols: ">=TLSv1.2", "<=TLSv1.3", "!TLSv1", or names.
func tlsVersions(c *conf.Config, name string) (lo, hi uint16, err error) {
	allowed := map[uint16]bool{}
	only := false
	for _, w := range c.List(name) {
		if !strings.HasPrefix(w, "!") && !strings.HasPrefix(w, "<=") && !strings.HasPrefix(w, ">=") {
			only = true
		}
	}
	for _, p := range protocols {
		allowed[p.version] = !only
	}
	for _, w := range c.List(name) {
		if err := allow(allowed, w); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, p := range protocols {
		if p.version != 0 && allowed[p.version] {
			if lo == 0 {
				lo = p.version
			}
			hi = p.version
		}
	}
	if lo == 0 {
		return 0, 0, fmt.Errorf("%s = %s leaves no version of TLS", name, c.String(name))
	}
	return lo, hi, nil
}

// allow applies one word to the set of versions.
func allow(allowed map[uint16]bool, word string) error {
	op := word[:min(2, len(word))]
	name := strings.TrimLeft(word, "!<>=")
	for i, p := range protocols {
		if !strings.EqualFold(p.name, name) {
			continue
		}
		for j, q := range protocols {
			switch {
			case op == ">=" && j < i, op == "<=" && j > i, strings.HasPrefix(word, "!") && j == i:
				allowed[q.version] = false
			case op != ">=" && op != "<=" && word[0] != '!' && j == i:
				allowed[q.version] = true
			}
		}
		return nil
	}
	return fmt.Errorf("unknown protocol %q", name)
}

// clientTLS is what PREFIX_tls_… says (prefix is smtp or lmtp).
func clientTLS(load keyLoader, c *conf.Config, prefix string) (deliver.TLS, error) {
	t := deliver.TLS{
		Level: c.TLSLevel(prefix), Wrapper: c.Bool(prefix + "_tls_wrappermode"),
		PlaintextAfter: c.Duration("minimal_backoff_time"), LogLevel: logLevel(c.String(prefix + "_tls_loglevel")), Sessions: 1000,
	}
	if t.Level == "" || t.Level == "none" {
		return t, nil
	}
	name := prefix + "_tls_protocols"
	if t.Level != "may" {
		name = prefix + "_tls_mandatory_protocols"
	}
	var err error
	if t.MinVersion, t.MaxVersion, err = tlsVersions(c, name); err != nil {
		return t, err
	}
	if t.Certificates, err = certificates(load, c, prefix+"_tls"); err != nil {
		return t, err
	}
	t.Roots, err = roots(c.String(prefix+"_tls_CAfile"), c.String(prefix+"_tls_CApath"))
	return t, err
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

// roots reads the certificates of a file and of a directory; nil when there are none.
func roots(file, dir string) (*x509.CertPool, error) {
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
		return nil, nil
	}
	pool := x509.NewCertPool()
	for _, f := range files {
		pem, err := os.ReadFile(f)
		if err != nil && f == file {
			return nil, fmt.Errorf("tls_CAfile: %w", err)
		}
		pool.AppendCertsFromPEM(pem)
	}
	return pool, nil
}
