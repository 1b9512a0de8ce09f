package status

import (
	"errors"
	"fmt"
)

// Error is a failure that can be answered: Reply for the peer, Cause for the log.
type Error struct {
	Reply Reply
	// Cause says what went wrong; nil when the reply says it all.
	Cause error
	// Rule names what decided (a parameter, restriction, table row, plugin or limit), for
	// the log; "" when the cause says it.
	Rule string
}

// Error returns the reply, the rule and the cause on one line, for the log.
func (e *Error) Error() string {
	s := e.Reply.String()
	if e.Rule != "" {
		s += " [" + e.Rule + "]"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Temporary reports whether trying again later can help.
func (e *Error) Temporary() bool { return !e.Reply.Permanent() }

// Because returns a copy of e with cause set.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// By returns a copy of e with the rule that decided set.
func (e *Error) By(rule string) *Error {
	c := *e
	c.Rule = rule
	return &c
}

// Tempfail returns a 451 error with the enhanced code (class 4) and public text.
func Tempfail(enhanced, format string, args ...any) *Error {
	return New(451, enhanced, format, args...)
}

// Reject returns a 550 error with the enhanced code (class 5) and public text.
func Reject(enhanced, format string, args ...any) *Error {
	return New(550, enhanced, format, args...)
}

// New returns an error with the given reply. The text is cleaned (see Clean).
func New(code int, enhanced, format string, args ...any) *Error {
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	return &Error{Reply: Reply{Code: code, Enhanced: enhanced, Text: Clean(text)}}
}

// From returns err as an *Error. Nil stays nil; an error that carries no reply is an unknown
// failure and so temporary: 451 4.3.0, with err as its cause.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Tempfail("4.3.0", "Temporary lookup or system failure, try again later").Because(err)
}
