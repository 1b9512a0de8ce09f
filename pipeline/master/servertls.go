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
	"github.com/mtad/mtad/core/tlskeys"
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
	known, err := g.serverAuthorities(c, log)
	if err != nil {
		return nil, err
	}
	own, err := keep(func() ([]tls.Certificate, error) { return g.serverCertificates(c, known) }, log)
	if err != nil && !g.withoutTLS(log, err) {
		return nil, err
	}
	names, err := g.serverNames(c, log)
	if err != nil {
		return nil, err
	}
	if len(own.Certificates()) == 0 && names == nil {
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
	t.config = &tls.Config{GetCertificate: chosen(own, names), MinVersion: lo, MaxVersion: hi}
	if names != nil {
		t.judge.Served = names.served
	}
	t.judge.SignedWith = signedWith(own, names)
	t.judge.LogLevel = logLevel(c.String("smtpd_tls_loglevel"))
	return t, t.clients(c, known, log)
}

// chosen is tls.Config.GetCertificate: the certificate of the name that the client asks for, or else the
// server's usual one.
func chosen(own *tlskeys.Store, names *serverNames) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if names != nil && hello.ServerName != "" {
			if cert, err := names.certificate(hello); cert != nil || err != nil {
				return cert, err
			}
		}
		return own.For(hello), nil
	}
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

// serverAuthorities are the certificates of smtpd_tls_CAfile.
type serverAuthorities struct {
	file string // "" for none
	all  []*x509.Certificate
}

func (g *generation) serverAuthorities(c *conf.Config, log *maillog.Service) (a serverAuthorities, err error) {
	a.file = c.String("smtpd_tls_CAfile")
	if a.all, err = certificatesIn(a.file); err == nil {
		return a, nil
	}
	err = fmt.Errorf("smtpd_tls_CAfile: %w", err)
	if !g.withoutTLS(log, err) {
		return a, err
	}
	return serverAuthorities{}, nil
}

// serverCertificates are the server's own, each completed by those of the authorities that issued it.
func (g *generation) serverCertificates(c *conf.Config, known serverAuthorities) ([]tls.Certificate, error) {
	certs, err := g.m.around.certificates(c, "smtpd_tls")
	for i := range certs {
		certs[i].Certificate = tlspolicy.Complete(certs[i].Certificate, known.all)
	}
	return certs, err
}

// clients reads what certificates clients may show.
func (t *serverTLS) clients(c *conf.Config, known serverAuthorities, log *maillog.Service) (err error) {
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
	if o.Roots, err = roots(known.file, c.String("smtpd_tls_CApath"), pool); err != nil {
		return fmt.Errorf("smtpd_%w", err)
	}
	o.Depth = c.Int("smtpd_tls_ccert_verifydepth")
	// Whether a certificate is good enough is for the access rules: the handshake takes any.
	t.config.ClientAuth = tls.RequestClientCert
	t.config.ClientCAs = x509.NewCertPool()
	for _, a := range known.all { // which clients are told of, so that they choose the right one
		t.config.ClientCAs.AddCert(a)
	}
	return nil
}

// signedWith says which key the server signs with, where there is only one that it can be.
func signedWith(own *tlskeys.Store, names *serverNames) func(string) any {
	public := func(certs []tls.Certificate) any {
		if len(certs) != 1 || certs[0].Leaf == nil {
			return nil
		}
		return certs[0].Leaf.PublicKey
	}
	return func(name string) any {
		if names != nil && name != "" {
			if other, err := names.find(name); err == nil && other != nil {
				return public(other.Certificates())
			}
		}
		return public(own.Certificates())
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
