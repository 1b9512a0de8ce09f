package smtp

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/mtad/mtad/core/smtpclient"
)

// SASL says how we authenticate to servers (smtp_sasl_auth_enable).
type SASL struct {
	// Credentials returns user and password for a destination; ok is false when there are
	// none, and then mail goes without (smtp_sasl_password_maps: the caller looks up first the
	// server's name, then the nexthop). An error is temporary. nil: no authentication. Safe for
	// concurrent use.
	Credentials func(ctx context.Context, nexthop, host string) (user, password string, ok bool, err error)
	// NoPlaintext and NoPlaintextInTLS forbid mechanisms that send the password
	// (noplaintext in smtp_sasl_security_options and smtp_sasl_tls_security_options).
	NoPlaintext, NoPlaintextInTLS bool
	// Mechanisms are those that may be used, in upper case; empty: all
	// (smtp_sasl_mechanism_filter).
	Mechanisms []string
}

// authenticate authenticates a session if there are credentials and the server offers AUTH.
// Failures are temporary (smtp_sasl_auth_soft_bounce): the fault is ours, not the recipient's.
func (a *Agent) authenticate(ctx context.Context, s *session, nexthop string) *failure {
	if a.o.SASL.Credentials == nil || !s.conn.Features().Has(smtpclient.Auth) {
		return nil
	}
	user, password, ok, err := a.o.SASL.Credentials(ctx, nexthop, s.at.host)
	if err != nil {
		f := temporary("4.3.0", "SASL credentials lookup failed")
		f.cause, f.ours = err, true
		return f
	}
	if !ok {
		return nil
	}
	_, encrypted := s.conn.TLS()
	m := a.o.SASL.mechanism(s.conn.Features().Mechanisms, encrypted, user, password)
	if m == nil {
		f := temporary("4.7.0", "SASL authentication failed; cannot authenticate to server "+
			s.at.named()+": no mechanism available")
		f.relay = s.relay
		return f
	}
	s.private = true
	var e *smtpclient.Error
	switch err := s.conn.Auth(m); {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Kind != smtpclient.Refused:
		return broken(&s.at, e)
	}
	f := said(&s.at, e.Reply, "SASL authentication failed; server "+s.at.named()+" said: "+e.Reply.Raw)
	f.reply.Code, f.reply.Enhanced, f.cause = 454, "4.7.0", e.Err
	return f
}

// mechanism returns the best one that the server offers and we may use, nil for none.
func (o *SASL) mechanism(offered []string, encrypted bool, user, password string) smtpclient.Mechanism {
	plaintext := !o.NoPlaintext
	if encrypted {
		plaintext = !o.NoPlaintextInTLS
	}
	usable := func(name string) bool {
		return slices.Contains(offered, name) && (len(o.Mechanisms) == 0 ||
			slices.ContainsFunc(o.Mechanisms, func(m string) bool { return strings.EqualFold(m, name) }))
	}
	switch {
	case usable("CRAM-MD5"):
		return smtpclient.CRAMMD5(user, password)
	case plaintext && usable("PLAIN"):
		return sasl.NewPlainClient("", user, password)
	case plaintext && usable("LOGIN"):
		return sasl.NewLoginClient(user, password)
	}
	return nil
}
