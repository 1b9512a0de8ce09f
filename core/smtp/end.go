package smtp

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// What ends a connection, besides io.EOF and the errors of net and crypto/tls.
var (
	// ErrTimeout: the client was too slow (421 4.4.2).
	ErrTimeout = errors.New("timeout")
	// ErrTooManyErrors: the hard error limit (421 4.7.0).
	ErrTooManyErrors = errors.New("too many errors")
	// ErrCommandRate: Options.CommandRate (421 4.7.0).
	ErrCommandRate = errors.New("too many commands")
	// ErrShutdown: the server stops (421 4.3.2).
	ErrShutdown = errors.New("server shutdown")
	// ErrForbidden: a command of another protocol (221 2.7.0).
	ErrForbidden = errors.New("non-SMTP command")
	// ErrPipelining: Options.ForbidUnauthPipelining (554 5.5.0).
	ErrPipelining = errors.New("improper command pipelining")
	// ErrBareNewline: Options.BareNewline is Reject (550 5.5.2).
	ErrBareNewline = errors.New("bare <LF> received")
	// ErrBadChunk: a BDAT command that does not say how many bytes follow (521 5.5.4).
	ErrBadChunk = errors.New("malformed BDAT command")
	// ErrHangup: the policy said 421 or 521.
	ErrHangup = errors.New("hangup")
	// ErrPanic: the policy panicked.
	ErrPanic = errors.New("panic")
)

// EndError says what ended a connection and when, in the words of Postfix's log:
// "lost connection after RCPT", "timeout after END-OF-MESSAGE".
type EndError struct {
	// Err is the reason.
	Err error
	// After is the last command, in upper case; "CONNECT" before any.
	After string
}

// Error returns the reason and the command.
func (e *EndError) Error() string {
	reason := e.Err.Error()
	if isLost(e.Err) {
		reason = "lost connection"
	}
	return reason + " after " + e.After
}

// Unwrap returns the reason.
func (e *EndError) Unwrap() error { return e.Err }

// isLost reports whether the peer has gone, as against being sent away. Without TLS it has: neither side
// understands the other.
func isLost(err error) bool {
	var unsecured *HandshakeError
	return errors.As(err, &unsecured) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// isTimeout reports whether a deadline of the connection has passed.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// Errors that the engine handles by itself.
var (
	// errLineTooLong: the line is still to be skipped.
	errLineTooLong = errors.New("command line too long")
	// errAborted: a transaction by BDAT was broken off by another command.
	errAborted = errors.New("transaction aborted before BDAT LAST")
)
