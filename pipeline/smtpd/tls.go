package smtpd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strconv"
	"time"

	"github.com/mtad/mtad/core/mail"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
	"github.com/mtad/mtad/core/tlspolicy"
)

// TLS is what the policy makes of TLS. The engine has the rest (smtp.Options).
type TLS struct {
	// LogLevel is smtpd_tls_loglevel: from 1 on each handshake is logged, from 2 on also the
	// certificate of the client and why it is not trusted.
	LogLevel int
	// Ask says that clients are asked for a certificate (smtpd_tls_ask_ccert, smtpd_tls_req_ccert);
	// Require, that who shows none that is trusted is sent away (smtpd_tls_req_ccert).
	Ask, Require bool
	// Roots are the authorities that make a certificate trusted, nil for none; Depth is how long
	// the chain to one may be (smtpd_tls_ccert_verifydepth, tlspolicy.TrustedClient).
	Roots *x509.CertPool
	Depth int
	// Digest makes fingerprints (smtpd_tls_fingerprint_digest); nil where Ask is false.
	Digest tlspolicy.Digest
	// Served reports whether there is a certificate for a name that clients ask for
	// (tls_server_sni_maps); nil: their wish is not looked at.
	Served func(name string) bool
	// SignedWith returns the public key of the server's certificate for a name that the client asked for
	// ("" for none), for the log; nil: it is not known.
	SignedWith func(name string) any
}

// StartTLS refuses clients that have begun too many TLS sessions.
func (s *session) StartTLS(context.Context) error {
	if s.tooOften(eventNewTLS, 0, "New TLS session") {
		return status.New(454, "4.7.0", "Error: too many new TLS sessions from %s", maillog.ClientName(&s.origin))
	}
	return nil
}

// Secured is the begin of TLS: what the client said in the clear is forgotten (RFC 3207 §4.2).
func (s *session) Secured(ctx context.Context) error {
	s.origin.Helo, s.origin.Proto = "", ""
	return s.secured(ctx)
}

// secured notes and judges what TLS says of the client, if there is TLS.
func (s *session) secured(context.Context) error {
	state := s.conn.TLS()
	if state == nil {
		return nil
	}
	s.noteTLS(state)
	o := &s.h.o.TLS
	if o.LogLevel > 0 {
		s.logTLS(state)
	}
	if !state.DidResume && s.tooOften(eventNewTLS, 1, "New TLS session") {
		return status.New(421, "4.7.0", "%s Error: too many new TLS sessions from %s", s.h.o.Hostname, maillog.ClientName(&s.origin))
	}
	if !o.Require {
		return nil
	}
	why := ""
	switch {
	case s.origin.Certificate == nil:
		why = "No client certificate presented"
	case !s.origin.Certificate.Trusted:
		why = "Client certificate not trusted"
	default:
		return nil
	}
	s.trouble |= TroublePolicy
	s.h.o.Log.Info("NOQUEUE: abort: TLS from " + maillog.ClientName(&s.origin) + ": " + why)
	return status.New(421, "4.7.1", "%s Error: %s", s.h.o.Hostname, why)
}

// noteTLS keeps what Received, access rules and plugins are told of TLS.
func (s *session) noteTLS(state *tls.ConnectionState) {
	o := &s.origin
	o.TLSVersion = tlspolicy.ProtocolName(state.Version)
	o.TLSCipher, o.TLSBits = tlspolicy.CipherName(state.CipherSuite)
	o.CertificateAsked = s.h.o.TLS.Ask
	if state.Version >= tls.VersionTLS13 { // before, the name of the cipher says it
		o.TLSKeys = "key-exchange " + tlspolicy.ExchangeName(state.CurveID)
		if f := s.h.o.TLS.SignedWith; f != nil && !state.DidResume {
			if name := tlspolicy.SignatureName(f(state.ServerName)); name != "" {
				o.TLSKeys += " server-signature " + name
			}
		}
	}
	if o.CertificateAsked && len(state.PeerCertificates) > 0 {
		s.noteCertificate(state)
	}
}

// noteCertificate judges what a client showed.
func (s *session) noteCertificate(state *tls.ConnectionState) {
	o, leaf := &s.h.o.TLS, state.PeerCertificates[0]
	why := tlspolicy.TrustedClient(state.PeerCertificates, o.Roots, o.Depth, s.h.o.Clock())
	c := &mail.Certificate{Subject: status.Clean(leaf.Subject.CommonName), Issuer: status.Clean(leaf.Issuer.CommonName), Trusted: why == nil,
		Print: o.Digest.Print(leaf.Raw), KeyPrint: o.Digest.Print(leaf.RawSubjectPublicKeyInfo)}
	if c.Issuer == "" && len(leaf.Issuer.Organization) > 0 {
		c.Issuer = status.Clean(leaf.Issuer.Organization[0])
	}
	if state.Version >= tls.VersionTLS13 && !state.DidResume {
		c.Signature = tlspolicy.SignatureName(leaf.PublicKey)
	}
	s.origin.Certificate = c
	if o.LogLevel < 2 {
		return
	}
	client := maillog.ClientName(&s.origin)
	if why != nil {
		s.h.o.Log.Info(status.Clean("certificate verification failed for " + client + ": " + untrusted(leaf, why)))
	}
	s.h.o.Log.Info(status.Clean(client + ": subject_CN=" + c.Subject + ", issuer_CN=" + c.Issuer + ", fingerprint=" + c.Print + ", pkey_fingerprint=" + c.KeyPrint))
}

// untrusted says why a certificate is not trusted, in Postfix's words where it has some.
func untrusted(leaf *x509.Certificate, why error) string {
	var authority x509.UnknownAuthorityError
	if errors.As(why, &authority) {
		if string(leaf.RawIssuer) == string(leaf.RawSubject) {
			return "self-signed certificate"
		}
		return "untrusted issuer " + leaf.Issuer.String()
	}
	var invalid x509.CertificateInvalidError
	if errors.As(why, &invalid) {
		switch invalid.Reason {
		case x509.Expired:
			if time.Now().Before(leaf.NotBefore) {
				return "certificate not yet valid"
			}
			return "certificate has expired"
		case x509.IncompatibleUsage:
			return "not designated for use as a client certificate"
		}
	}
	return why.Error()
}

// logTLS logs a handshake in Postfix's words.
func (s *session) logTLS(state *tls.ConnectionState) {
	o, word := &s.origin, "Anonymous"
	if c := o.Certificate; c != nil {
		word = "Untrusted"
		if c.Trusted {
			word = "Trusted"
		}
	}
	client, bits := maillog.ClientName(o), strconv.Itoa(o.TLSBits)
	line := word + " TLS connection established from " + client
	if name := status.Clean(state.ServerName); name != "" && s.h.o.TLS.Served != nil {
		if s.h.o.TLS.Served(state.ServerName) {
			line += " to " + name
		} else {
			s.h.o.Log.Info("TLS SNI " + name + " from " + client + " not matched, using default chain")
		}
	}
	line += ": " + o.TLSVersion + " with cipher " + o.TLSCipher + " (" + bits + "/" + bits + " bits)"
	if o.TLSKeys != "" {
		line += " " + o.TLSKeys
	}
	if o.Certificate != nil && o.Certificate.Signature != "" {
		line += " client-signature " + o.Certificate.Signature
	}
	s.h.o.Log.Info(line)
}

// logUnsecured logs that TLS did not come about, if that is what ended a connection.
func (s *session) logUnsecured(why error) {
	var h *smtp.HandshakeError
	if errors.As(why, &h) {
		s.h.o.Log.Info(status.Clean("SSL_accept error from " + maillog.ClientName(&s.origin) + ": " + h.Err.Error()))
	}
}

// Unsecured logs a connection whose TLS did not come about before there was a session.
func (h *Handler) Unsecured(c smtp.ConnInfo, why error) {
	s := h.session(c)
	s.logConnect()
	s.logUnsecured(why)
	h.o.Log.Info("lost connection after CONNECT from " + maillog.ClientName(&s.origin))
	s.logDisconnect()
}
