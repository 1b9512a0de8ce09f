package smtpd

import (
	"context"
	"slices"
	"time"

	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/sasl"
	"github.com/mtad/mtad/core/smtp"
)

// mechanismsTime is how long EHLO may wait for a SASL server to say what it offers.
const mechanismsTime = 10 * time.Second

// SASL is an Authenticator that asks a SASL server for the mechanisms that the configuration allows.
type SASL struct {
	Server sasl.Server
	// Service is smtpd_sasl_service.
	Service string
	// Plain and Secured are smtpd_sasl_security_options and smtpd_sasl_tls_security_options.
	Plain, Secured sasl.Security
	// Filter is smtpd_sasl_mechanism_filter; nil lets every mechanism pass.
	Filter func(mechanism string) bool
	Log    *maillog.Service
}

var _ Authenticator = (*SASL)(nil)

// Mechanisms returns those of the server that are allowed on the connection. A server that cannot be
// asked has none; the log says so.
func (a *SASL) Mechanisms(c smtp.ConnInfo) []string {
	ctx, cancel := context.WithTimeout(context.Background(), mechanismsTime)
	defer cancel()
	names, err := a.mechanisms(ctx, c)
	if err != nil {
		a.Log.Warning("no SASL authentication mechanisms: " + err.Error())
	}
	return names
}

func (a *SASL) mechanisms(ctx context.Context, c smtp.ConnInfo) ([]string, error) {
	all, err := a.Server.Mechanisms(ctx)
	if err != nil {
		return nil, err
	}
	options := a.Plain
	if c.TLS() != nil {
		options = a.Secured
	}
	names := make([]string, 0, len(all))
	for _, m := range all {
		if options.Allows(m) && (a.Filter == nil || a.Filter(m.Name)) {
			names = append(names, m.Name)
		}
	}
	return names, nil
}

// Begin opens an exchange by a mechanism that is allowed.
func (a *SASL) Begin(ctx context.Context, c smtp.ConnInfo, mechanism string) (Exchange, error) {
	names, err := a.mechanisms(ctx, c)
	switch {
	case err != nil:
		return nil, &sasl.Failure{Temporary: true, Reason: "Connection lost to authentication server", Cause: err}
	case !slices.Contains(names, mechanism):
		return nil, &sasl.Failure{Reason: "Invalid authentication mechanism"}
	}
	t := c.TLS()
	peer := sasl.Peer{Service: a.Service, Local: c.Local(), Remote: c.Remote(), TLS: t != nil,
		ClientCert: t != nil && len(t.VerifiedChains) > 0}
	return &saslExchange{ctx: ctx, x: a.Server.Begin(peer, mechanism)}, nil
}

// saslExchange is a SASL exchange within one AUTH command, whose context it has.
type saslExchange struct {
	ctx context.Context
	x   sasl.Exchange
}

// Next takes a response of the client.
func (e *saslExchange) Next(response []byte) (challenge []byte, done bool, err error) {
	return e.x.Next(e.ctx, response)
}

// User is who the client is, or said to be.
func (e *saslExchange) User() string { return e.x.User() }

// Close ends the exchange.
func (e *saslExchange) Close() error {
	e.x.Close()
	return nil
}
