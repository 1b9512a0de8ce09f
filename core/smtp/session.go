package smtp

import (
	"context"
	"crypto/tls"
	"net/netip"

	"github.com/mtad/mtad/core/smtp/grammar"
	"github.com/mtad/mtad/core/status"
)

// Handler is the policy side of a server: it is asked for a Session per connection. Safe for
// concurrent use.
type Handler interface {
	// Connect is called when a client has connected, before anything is sent. On error the
	// error's reply is the greeting (554, or 421 for a temporary one) and the engine serves the
	// rest of the connection as RFC 5321 §3.1 says: every command but QUIT gets 503.
	Connect(ctx context.Context, c ConnInfo) (Session, error)
}

// ConnInfo is what the engine knows of a connection. The engine keeps it up to date: a Session
// may keep it and read it during its own calls.
type ConnInfo interface {
	// Remote and Local are the ends of the connection.
	Remote() netip.AddrPort
	Local() netip.AddrPort
	// TLS is the state of the connection's TLS, nil without.
	TLS() *tls.ConnectionState
	// Helo is the name the client gave, "" before; ESMTP says whether it was by EHLO.
	Helo() string
	ESMTP() bool
	// Errors is the number of errors that count against the limits so far.
	Errors() int
	// UnauthPipelining says whether the client has sent ahead where it had no leave to:
	// before the greeting or a reply that it must wait for (RFC 2920 §3.1), or without
	// PIPELINING. It stays true; reject_unauth_pipelining asks for it.
	UnauthPipelining() bool
	// Summary is the commands so far as Postfix's disconnect line shows them:
	// "ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4" (accepted/all, one number when equal).
	Summary() string
	// Transcript is the dialogue since the last message that was accepted, or its end if it is
	// longer than Options.TranscriptBytes: lines of printable text, " In:  " or " Out: "
	// before each. Secrets and the text of messages are not in it.
	Transcript() string
}

// Session is the policy of one connection. Its methods are called by one goroutine, in the
// order of the protocol; the engine has checked grammar, order and size of arguments. An error
// is answered with its reply (status.From) and changes nothing in the protocol's state.
type Session interface {
	// Helo is told the name the client gave, by EHLO if esmtp. When it returns without
	// error, a transaction is gone: Reset follows if there was one (RFC 5321 §4.1.4).
	Helo(ctx context.Context, name string, esmtp bool) error
	// Extensions returns EHLO lines of the session's own, as "AUTH PLAIN LOGIN"; the
	// engine's come from its Options. Called at each EHLO.
	Extensions() []string
	// Auth starts an authentication exchange; the error for an unknown mechanism is 504
	// 5.5.4. The engine carries the exchange (RFC 4954), base64 included.
	Auth(ctx context.Context, mechanism string) (AuthExchange, error)
	// Mail opens a transaction.
	Mail(ctx context.Context, m MailArgs) error
	// Rcpt adds a recipient.
	Rcpt(ctx context.Context, r RcptArgs) error
	// Data is asked before the 354 that answers DATA, or before the first BDAT chunk is
	// read. At least one recipient was accepted.
	Data(ctx context.Context) error
	// Message reads the text and stores it: the reply (250 2.0.0 Ok: queued as …) is sent
	// after it returns without error. It must read body to its end to accept; when it returns
	// earlier, the engine skips the rest. The transaction is over in any case. No other method
	// but Rejected is called before it returns.
	Message(ctx context.Context, body Body) (status.Reply, error)
	// Reset is told that a transaction is gone without Message: RSET, HELO, STARTTLS,
	// end of the connection.
	Reset()
	// Verify answers VRFY; Etrn answers ETRN. The engine refuses them where Options do.
	Verify(ctx context.Context, argument string) (status.Reply, error)
	Etrn(ctx context.Context, site string) (status.Reply, error)
	// Rejected is told of every negative reply that the engine made by itself (syntax,
	// order, limits), for the log: the command line (cleaned, cut, without AUTH's secrets)
	// and the reply. It may be called while Message reads its body.
	Rejected(command string, r status.Reply)
	// Close is the last call: why is nil after QUIT, else an *EndError that says what ended
	// the connection (ErrTimeout, ErrTooManyErrors, io.EOF, …) and after which command.
	Close(why error)
}

// Adjuster is a Session that changes options for its own connection. Adjust is called once,
// after Connect, with the server's values; it must not keep t.
type Adjuster interface {
	Session
	Adjust(t *Tuning)
}

// Tuning is the options that a session may change for its connection; see Options.
type Tuning struct {
	// DiscardKeywords replaces the server's list (smtpd_discard_ehlo_keyword_address_maps).
	DiscardKeywords []string
	// BareNewline is what a bare LF does (smtpd_forbid_bare_newline_exclusions).
	BareNewline BareNewline
	// MaxMessageBytes is the largest message, 0 for no limit.
	MaxMessageBytes int64
	// XVERP takes the XVERP parameter of MAIL (smtpd_authorized_verp_clients); the session announces it.
	XVERP bool
	// Command returns a line to read in the place of one that came, without line end: the same
	// one, or its own. An error ends the connection with 421 (smtpd_command_filter). nil: every
	// line counts as it came.
	Command func(line []byte) ([]byte, error)
	// Footer returns what is said in the place of a negative reply, another negative one
	// (smtpd_reject_footer, soft_bounce). nil: the reply itself.
	Footer func(r status.Reply) status.Reply
}

// Uncounted is an error of a Session that is answered with the reply of Err, but does not count
// against the error limits: what Postfix does for recipients beyond smtpd_recipient_limit.
type Uncounted struct{ Err error }

// Error returns Err's text.
func (u *Uncounted) Error() string { return u.Err.Error() }

// Unwrap returns Err.
func (u *Uncounted) Unwrap() error { return u.Err }

// Body is the text of a message as it arrives, already without dot-stuffing, every line ended by
// CRLF (see Options.BareNewline); only after BODY=BINARYMIME it is the bytes as they came.
type Body interface {
	// Next returns the next block of text, valid until the following call. At the end it
	// returns nil and io.EOF; any other error means that the text is cut off and must not be
	// kept. Blocks have no particular size or alignment.
	Next() ([]byte, error)
}

// AuthExchange is the server's side of a SASL exchange; it is what go-sasl's Server is. The
// first call has a nil response when the client sent no initial response. One that is an io.Closer
// is closed when it is over, however that came.
type AuthExchange interface {
	// Next takes a client response and returns a challenge, or done. An error is answered
	// with its reply (535 5.7.8 when it has none).
	Next(response []byte) (challenge []byte, done bool, err error)
}

// MailArgs and RcptArgs are the arguments of MAIL and RCPT.
type (
	MailArgs = grammar.MailArgs
	RcptArgs = grammar.RcptArgs
)
