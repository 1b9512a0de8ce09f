package smtpclient

import (
	"errors"
	"fmt"
	"os"
)

// Kind says in which way a conversation failed.
type Kind uint8

// The kinds. After each but Refused and Unreadable the connection is of no more use; after
// those two, Conn.Usable says.
const (
	Lost       Kind = iota + 1 // the connection ended, or was aborted
	TimedOut                   // the peer took longer than Timeouts allow
	Garbled                    // what came is no SMTP reply, or has no end
	Refused                    // the peer said no to a command the session needs; see Reply
	Unreadable                 // the text to send could not be read
	Handshake                  // TLS could not be started after the peer agreed to it
)

var kindNames = [...]string{"?", "connection lost", "timed out", "protocol error", "refused",
	"text unreadable", "TLS handshake failed"}

// Error is how every method of a Conn fails.
type Error struct {
	Kind  Kind
	Stage Stage
	// Reply is the peer's, when Kind is Refused.
	Reply Reply
	// Err is the cause, nil when Reply says it all.
	Err error
}

// Error returns stage, kind and cause on one line, for the log.
func (e *Error) Error() string {
	name := kindNames[0]
	if int(e.Kind) < len(kindNames) {
		name = kindNames[e.Kind]
	}
	switch {
	case e.Kind == Refused:
		return fmt.Sprintf("smtpclient: %s: %s: %s", e.Stage, name, e.Reply.Raw)
	case e.Err != nil:
		return fmt.Sprintf("smtpclient: %s: %s: %v", e.Stage, name, e.Err)
	}
	return fmt.Sprintf("smtpclient: %s: %s", e.Stage, name)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

var (
	errDead        = errors.New("the session is over")
	errUnexpected  = errors.New("a positive reply that makes no sense here")
	errReplySyntax = errors.New("the reply does not begin with three digits")
	errReplyLines  = errors.New("the reply has too many lines")
	errReplyBytes  = errors.New("the reply is too long")
	errReplyFilter = errors.New("the reply cannot be looked up")
	errReadAhead   = errors.New("data behind the reply to STARTTLS")
	errChallenge   = errors.New("the challenge is no base64")
	errChallenges  = errors.New("too many challenges")
)

// broken returns the error for a failed read or write.
func broken(s Stage, err error) *Error {
	k := Lost
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		k = TimedOut
	case errors.Is(err, errReplySyntax), errors.Is(err, errReplyLines), errors.Is(err, errReplyBytes), errors.Is(err, errReplyFilter):
		k = Garbled
	}
	return &Error{Kind: k, Stage: s, Err: err}
}
