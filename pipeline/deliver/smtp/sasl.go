package smtp

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mtad/mtad/core/readdress"
	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/core/table"
)

// SASL says how we authenticate to servers (smtp_sasl_auth_enable).
type SASL struct {
	// Passwords has "user:password" by server name and by destination as it is written
	// (smtp_sasl_password_maps). Empty: no authentication.
	Passwords table.Maps
	// Senders, when not nil, finds the sender's own entry in Passwords first
	// (smtp_sender_dependent_authentication); connections then serve one sender.
	Senders *readdress.Site
	// Delimiter stands between user and password (smtp_sasl_password_result_delimiter).
	Delimiter string
	// Clear, Encrypted and Verified are what a mechanism must offer without TLS, with TLS, and
	// with TLS to a server that has proved its name (smtp_sasl_security_options,
	// smtp_sasl_tls_security_options, smtp_sasl_tls_verified_security_options).
	Clear, Encrypted, Verified Security
	// Allowed says which of the server's mechanisms may be used; nil: all
	// (smtp_sasl_mechanism_filter). An error is temporary.
	Allowed func(ctx context.Context, mechanism string) (bool, error)
	// Bounce returns mail when the server refuses to authenticate us for good
	// (smtp_sasl_auth_soft_bounce=no).
	Bounce bool
	// Authzid sends the user as the identity to act for, too (send_cyrus_sasl_authzid).
	Authzid bool
	// Remember is how long a refused password is not tried again (smtp_sasl_auth_cache_time,
	// smtp_sasl_auth_cache_name); 0 for not at all.
	Remember time.Duration
}

// On reports whether there are passwords.
func (o *SASL) On() bool { return len(o.Passwords) > 0 }

// authenticate authenticates a session if there is a password and the server offers AUTH.
func (a *Agent) authenticate(ctx context.Context, s *session, dest, sender string) *failure {
	if !a.o.SASL.On() || !s.conn.Features().Has(smtpclient.Auth) {
		return nil
	}
	entry, found, err := a.o.SASL.find(ctx, sender, s.at.host, dest)
	if err != nil {
		return saslTrouble(err)
	}
	if !found {
		return nil // strangers
	}
	user, password, _ := strings.Cut(entry, a.o.SASL.Delimiter)
	m, f := a.mechanism(ctx, s, user, password)
	if f != nil {
		return f
	}
	s.private = true
	refusal := refusedPassword{s.at.host, user, password}
	if f := a.refusals.recall(refusal, time.Now(), a.o.SASL.Remember); f != nil {
		f.relay = s.relay
		return f
	}
	f = a.login(s, m)
	if f != nil && f.refusedLogin {
		a.refusals.note(refusal, f, time.Now(), a.o.SASL.Remember)
	}
	return f
}

func saslTrouble(err error) *failure {
	f := temporary("4.3.0", "SASL credentials lookup failed")
	f.cause, f.ours = err, true
	return f
}

// find looks the password up: by the sender, if that is asked for, by the server's name, by the
// destination. An error ends the search: whom we are is not to be guessed.
func (o *SASL) find(ctx context.Context, sender, host, dest string) (string, bool, error) {
	if o.Senders != nil && sender != "" {
		f, err := o.Senders.Find(ctx, o.Passwords, sender)
		if f.OK || err != nil {
			return f.Value, f.OK, err
		}
	}
	v, ok, err := o.Passwords.Lookup(ctx, strings.ToLower(host))
	if ok || err != nil || host == dest {
		return v, ok, err
	}
	return o.Passwords.Lookup(ctx, strings.ToLower(dest))
}

// mechanism returns the best one that the server offers and we may use.
func (a *Agent) mechanism(ctx context.Context, s *session, user, password string) (smtpclient.Mechanism, *failure) {
	o := &a.o.SASL
	needs := o.Clear
	if _, on := s.conn.TLS(); on {
		needs = o.Encrypted
		if s.matched {
			needs = o.Verified
		}
	}
	authzid := ""
	if o.Authzid {
		authzid = user
	}
	for _, m := range mechanisms() {
		if needs&^m.offers != 0 || !slices.Contains(s.conn.Features().Mechanisms, m.name) {
			continue
		}
		if o.Allowed != nil {
			ok, err := o.Allowed(ctx, m.name)
			if err != nil {
				return nil, saslTrouble(err)
			}
			if !ok {
				continue
			}
		}
		return m.make(authzid, user, password), nil
	}
	f := temporary("4.7.0", "SASL authentication failed: server "+s.at.named()+" offered no compatible "+
		"authentication mechanisms for this type of connection security")
	f.relay = s.relay
	return nil, f
}

// login does the exchange. What a server refuses is temporary unless Bounce is set: the fault is
// ours, not the recipient's.
func (a *Agent) login(s *session, m smtpclient.Mechanism) *failure {
	var e *smtpclient.Error
	err := s.conn.Auth(m)
	sc, mutual := m.(*scramClient)
	switch {
	case err == nil && mutual && !sc.proved():
		return a.unproved(s)
	case err == nil:
		return nil
	case !errors.As(err, &e):
		return temporary("4.3.0", err.Error())
	case e.Kind != smtpclient.Refused:
		return broken(&s.at, e)
	case e.Err != nil:
		f := temporary("4.7.0", "SASL authentication failed; cannot authenticate to server "+s.at.named()+": "+e.Err.Error())
		f.relay = s.relay
		return f
	}
	f := said(&s.at, e.Reply, "SASL authentication failed; server "+s.at.named()+" said: "+e.Reply.Raw)
	f.refusedLogin = e.Reply.Code == 535
	if !a.o.SASL.Bounce {
		f.soften()
	}
	return f
}

// unproved is the failure of a server that let us in without having shown that it knows the
// password (RFC 5802 §3): it is not the one we mean.
func (a *Agent) unproved(s *session) *failure {
	f := temporary("4.7.0", "SASL authentication failed; cannot authenticate to server "+s.at.named()+
		": it did not prove to know the password")
	f.relay = s.relay
	return f
}
