package smtpd

import (
	"context"
	"strings"

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

// Exchange is one authentication. When Next says that it is done, User is who the client is.
type Exchange interface {
	smtp.AuthExchange
	User() string
}

// Extensions returns the EHLO lines of policy.
func (s *session) Extensions() []string {
	if s.h.o.Auth == nil {
		return nil
	}
	names := s.h.o.Auth.Mechanisms(s.conn)
	if len(names) == 0 {
		return nil
	}
	return []string{"AUTH " + strings.Join(names, " ")}
}

// Auth opens an exchange. When it succeeds the plugins are asked; what they refuse is not
// authenticated.
func (s *session) Auth(ctx context.Context, mechanism string) (smtp.AuthExchange, error) {
	if s.h.o.Auth == nil || len(s.h.o.Auth.Mechanisms(s.conn)) == 0 {
		return nil, status.New(503, "5.5.1", "Error: authentication not enabled")
	}
	x, err := s.h.o.Auth.Begin(ctx, s.conn, mechanism)
	if err != nil {
		return nil, err
	}
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
	if err != nil || !done {
		return challenge, done, err
	}
	if err := x.s.authenticated(x.ctx, x.User(), x.mechanism); err != nil {
		return nil, false, err
	}
	return challenge, true, nil
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
