package master

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/tlspolicy"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// serverTLS is what smtpd_tls_… says. A nil one offers no TLS.
type serverTLS struct {
	config           *tls.Config
	required, atOnce bool
	judge            smtpd.TLS
}

// apply sets the options of the engine.
func (t *serverTLS) apply(o *smtp.Options) {
	if t != nil {
		o.TLS, o.RequireTLS, o.ImplicitTLS = t.config, t.required, t.atOnce
	}
}

// policy is what smtpd makes of it.
func (t *serverTLS) policy() smtpd.TLS {
	if t == nil {
		return smtpd.TLS{}
	}
	return t.judge
}

// serverTLS reads smtpd_tls_…; nil where it is not offered.
func (g *generation) serverTLS(c *conf.Config, log *maillog.Service) (*serverTLS, error) {
	level := c.TLSLevel("smtpd")
	t := &serverTLS{atOnce: c.Bool("smtpd_tls_wrappermode")}
	if level == "" || level == "none" {
		if !t.atOnce {
			return nil, nil
		}
		level = "encrypt"
	}
	certs, err := certificates(g.m.around.keyPair, c, "smtpd_tls")
	if err != nil && !g.withoutTLS(log, err) {
		return nil, err
	}
	names, err := g.serverNames(c, log)
	if err != nil {
		return nil, err
	}
	if len(certs) == 0 && names == nil {
		err := errors.New("no server certificate (smtpd_tls_cert_file, smtpd_tls_chain_files)")
		switch {
		case level == "may" && !t.atOnce:
			log.Warning(err.Error() + ": TLS is not offered")
			return nil, nil
		case !g.withoutTLS(log, err):
			return nil, err
		}
	}
	t.required = level != "may"
	name := "smtpd_tls_protocols"
	if t.required {
		name = "smtpd_tls_mandatory_protocols"
	}
	lo, hi, err := tlsVersions(c, name)
	if err != nil {
		return nil, err
	}
	t.config = &tls.Config{Certificates: certs, MinVersion: lo, MaxVersion: hi}
	if names != nil {
		t.config.GetCertificate = names.certificate
		t.judge.Served = names.served
	}
	t.judge.SignedWith = signedWith(certs, names)
	t.judge.LogLevel = logLevel(c.String("smtpd_tls_loglevel"))
	return t, t.clients(g, c, log)
}

// withoutTLS says that what TLS needs is not there, and reports whether to go on: at a start, as Postfix does.
// What demands TLS then takes no mail, and what does not goes on in the clear. A reload keeps what there is.
func (g *generation) withoutTLS(log *maillog.Service, err error) bool {
	if g.m.gen.Load() != nil {
		return false
	}
	log.Error(err.Error() + "; mtad goes on without it")
	return true
}

// clients reads what certificates clients may show.
func (t *serverTLS) clients(g *generation, c *conf.Config, log *maillog.Service) error {
	file, dir := c.String("smtpd_tls_CAfile"), c.String("smtpd_tls_CApath")
	authorities, err := certificatesIn(file)
	if err != nil && !g.withoutTLS(log, fmt.Errorf("smtpd_tls_CAfile: %w", err)) {
		return fmt.Errorf("smtpd_tls_CAfile: %w", err)
	}
	if err != nil {
		file = ""
	}
	for i := range t.config.Certificates {
		own := &t.config.Certificates[i]
		own.Certificate = tlspolicy.Complete(own.Certificate, authorities)
	}
	o := &t.judge
	o.Require = c.Bool("smtpd_tls_req_ccert") && t.required
	if c.Bool("smtpd_tls_req_ccert") && !t.required {
		log.Warning("Can't require client certs unless TLS is required") // Postfix's words
	}
	if o.Ask = c.Bool("smtpd_tls_ask_ccert") || c.Bool("smtpd_tls_req_ccert"); !o.Ask {
		return nil
	}
	if o.Digest, err = tlspolicy.ParseDigest(c.String("smtpd_tls_fingerprint_digest")); err != nil {
		return fmt.Errorf("smtpd_tls_fingerprint_digest: %w", err)
	}
	var pool *x509.CertPool
	if c.Bool("tls_append_default_CA") {
		if pool, err = x509.SystemCertPool(); err != nil {
			return fmt.Errorf("tls_append_default_CA: %w", err)
		}
	}
	if o.Roots, err = roots(file, dir, pool); err != nil {
		return fmt.Errorf("smtpd_%w", err)
	}
	o.Depth = c.Int("smtpd_tls_ccert_verifydepth")
	// Whether a certificate is good enough is for the access rules: the handshake takes any.
	t.config.ClientAuth = tls.RequestClientCert
	t.config.ClientCAs = x509.NewCertPool()
	for _, a := range authorities { // which clients are told of, so that they choose the right one
		t.config.ClientCAs.AddCert(a)
	}
	return nil
}

// signedWith says which key the server signs with, where there is only one that it can be.
func signedWith(certs []tls.Certificate, names *serverNames) func(string) any {
	public := func(certs []tls.Certificate) any {
		if len(certs) != 1 {
			return nil
		}
		if leaf, err := x509.ParseCertificate(certs[0].Certificate[0]); err == nil {
			return leaf.PublicKey
		}
		return nil
	}
	usual := public(certs)
	return func(name string) any {
		if names != nil && name != "" {
			if own, err := names.find(name); err == nil && own != nil {
				return public(own)
			}
		}
		return usual
	}
}

// certificatesIn returns the certificates of a file; none for "".
func certificatesIn(file string) (all []*x509.Certificate, err error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
			continue
		}
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, cert)
		}
	}
	return all, nil
}
