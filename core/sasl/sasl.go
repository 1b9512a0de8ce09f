package sasl

import (
	"context"
	"net/netip"
)

// Properties are what a mechanism is, as smtpd_sasl_security_options speaks of it.
type Properties uint8

// The properties. The first four are reasons to refuse a mechanism, the others to demand it.
const (
	Plaintext      Properties = 1 << iota // the password is sent as it is
	Active                                // can be attacked by somebody between
	Dictionary                            // can be attacked by guessing offline
	Anonymous                             // nobody says who they are
	ForwardSecrecy                        // a broken session does not break the others
	MutualAuth                            // the server shows who it is, too
)

// Mechanism is one that a server has. The name is in upper case.
type Mechanism struct {
	Name  string
	Props Properties
}

// Peer is the connection that somebody logs in on.
type Peer struct {
	// Service is smtpd_sasl_service, for a server that has rules by service.
	Service       string
	Local, Remote netip.AddrPort
	// TLS says that the connection is encrypted, ClientCert that the client showed a
	// certificate that was verified.
	TLS, ClientCert bool
}

// Server is a SASL server. Safe for concurrent use.
type Server interface {
	// Mechanisms returns the mechanisms in the server's order. An error means that it could
	// not be asked. The result must not be changed.
	Mechanisms(ctx context.Context) ([]Mechanism, error)
	// Begin opens an exchange by a mechanism, in upper case, of those. The caller closes it.
	Begin(p Peer, mechanism string) Exchange
}

// Exchange is one authentication. One goroutine uses it.
type Exchange interface {
	// Next takes a response of the client; the first is nil when the client sent none with its
	// command. It returns a challenge, or done, perhaps with last data for the client. An error
	// is a *Failure and ends the exchange.
	Next(ctx context.Context, response []byte) (challenge []byte, done bool, err error)
	// User is who the client is when Next said done, and else who it said to be, if that is known.
	User() string
	// Close ends the exchange, whether it is over or not.
	Close()
}

// Failure says why an exchange failed.
type Failure struct {
	// Temporary: whether the client is right is not known.
	Temporary bool
	// Reason is for the client, "" for none.
	Reason string
	// Cause is for the log; nil when the client was told all.
	Cause error
}

// Error returns the reason with its cause.
func (f *Failure) Error() string {
	switch {
	case f.Cause != nil && f.Reason != "":
		return f.Reason + ": " + f.Cause.Error()
	case f.Cause != nil:
		return f.Cause.Error()
	}
	return f.Reason
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Cause }
