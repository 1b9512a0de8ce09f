package smtpd

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/sasl"
	"github.com/mtad/mtad/core/smtp"
	"github.com/mtad/mtad/core/status"
)

// Authenticator is a SASL server (RFC 4954). Safe for concurrent use.
type Authenticator interface {
	// Mechanisms are what EHLO offers on this connection as it is now; none: no AUTH is offered
	// and none is taken.
	Mechanisms(c smtp.ConnInfo) []string
	// Begin opens an exchange by one of them, whose name is in upper case. An error is the
	// reply to AUTH.
	Begin(ctx context.Context, c smtp.ConnInfo, mechanism string) (Exchange, error)
}

// Exchange is one authentication. When Next says that it is done, User is who the client is; when it
// fails, User is who the client said to be, if that is known. One that is an io.Closer is closed
// when it is over.
type Exchange interface {
	smtp.AuthExchange
	User() string
}

// Extensions returns the EHLO lines of policy.
func (s *session) Extensions() []string {
	lines := s.authLines()
	if s.mayVERP() {
		lines = append(lines, "XVERP")
	}
	if s.mayIdentify {
		lines = append(lines, identifiable)
	}
	if s.MayForward(context.Background()) {
		lines = append(lines, forwardable)
	}
	return lines
}

// authLines are the lines of EHLO about AUTH.
func (s *session) authLines() []string {
	o := &s.h.o
	if o.Auth == nil || s.needsTLS() || o.NoAuthFor != nil && o.NoAuthFor(s.origin.Client.Addr()) {
		return nil
	}
	names := strings.Join(o.Auth.Mechanisms(s.conn), " ")
	switch {
	case names == "":
		return nil
	case o.AuthEquals:
		return []string{"AUTH " + names, "AUTH=" + names}
	}
	return []string{"AUTH " + names}
}

// needsTLS reports whether the client must not log in yet.
func (s *session) needsTLS() bool { return s.h.o.AuthTLSOnly && s.conn.TLS() == nil }

// Auth opens an exchange. When it succeeds the plugins are asked; what they refuse is not
// authenticated.
func (s *session) Auth(ctx context.Context, mechanism string) (smtp.AuthExchange, error) {
	switch {
	case s.h.o.Auth == nil:
		return nil, status.New(503, "5.5.1", "Error: authentication not enabled")
	case s.needsTLS(): // RFC 4954 §6
		return nil, status.New(538, "5.7.0", "Encryption required for requested authentication mechanism")
	}
	client := s.origin.Client.Addr()
	if s.tooOften(eventAuth, 1, "AUTH command") {
		return nil, status.New(450, "4.7.1", "Error: too many AUTH commands from %s", client)
	}
	x, err := s.h.o.Auth.Begin(ctx, s.conn, mechanism)
	if err != nil {
		return nil, s.authFailed(mechanism, "", err)
	}
	s.mechanism = mechanism
	return &exchange{Exchange: x, s: s, ctx: ctx, mechanism: mechanism}, nil
}

// exchange asks the plugins at its end. It lives within one AUTH command, whose context it has.
type exchange struct {
	Exchange
	s         *session
	ctx       context.Context
	mechanism string
}

// Next takes a response of the client.
func (x *exchange) Next(response []byte) (challenge []byte, done bool, err error) {
	challenge, done, err = x.Exchange.Next(response)
	switch {
	case err != nil:
		return nil, false, x.s.authFailed(x.mechanism, x.User(), err)
	case !done:
		return challenge, false, nil
	}
	if err := x.s.authenticated(x.ctx, x.User(), x.mechanism); err != nil {
		return nil, false, err
	}
	return challenge, true, nil
}

// Close ends the exchange.
func (x *exchange) Close() error {
	x.s.mechanism = ""
	if c, ok := x.Exchange.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// authFailed logs a failure in Postfix's words, which log tools look for, and makes its reply
// (RFC 4954 §6).
func (s *session) authFailed(mechanism, user string, err error) error {
	f := &sasl.Failure{Temporary: true, Reason: "internal error", Cause: err}
	errors.As(err, &f)
	if f.Cause != nil {
		s.h.o.Log.Warning(f.Cause.Error())
	}
	if len(mechanism) > 100 {
		mechanism = mechanism[:100]
	}
	reason := f.Reason
	if reason == "" {
		reason = "(reason unavailable)"
	}
	if user == "" {
		user = "(unavailable)"
	}
	s.h.o.Log.Warning(maillog.ClientName(&s.origin) + ": SASL " + mechanism + " authentication failed: " + reason + ", sasl_username=" + user)
	if f.Temporary {
		s.trouble |= TroubleSoftware
		return status.New(454, "4.7.0", "Temporary authentication failure: %s", reason)
	}
	s.trouble |= TroublePolicy
	return status.New(535, "5.7.8", "Error: authentication failed: %s", reason)
}

// aborted logs that the client gave an exchange up, if that is what the engine answered.
func (s *session) aborted(r status.Reply) bool {
	if s.mechanism == "" || r.Code != 501 || r.Enhanced != "5.7.0" {
		return false
	}
	s.h.o.Log.Warning(maillog.ClientName(&s.origin) + ": SASL " + s.mechanism + " authentication aborted")
	return true
}

// authenticated notes who the client is and asks the plugins whether it may be.
func (s *session) authenticated(ctx context.Context, user, mechanism string) error {
	before := s.origin
	s.origin.SASLUser, s.origin.SASLMethod = user, mechanism
	s.origin.Proto = authProto(s.origin.Proto)
	if s.hooks == nil {
		return nil
	}
	if e := s.hooks.Auth(ctx); e != nil {
		s.origin = before
		return e
	}
	return nil
}

// authProto is the protocol's name with authentication (RFC 3848).
func authProto(proto string) string {
	if strings.HasPrefix(proto, "ESMTP") && !strings.HasSuffix(proto, "A") {
		return proto + "A"
	}
	return proto
}
