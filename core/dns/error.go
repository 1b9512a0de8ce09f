package dns

import (
	"errors"
	"fmt"
	"strings"
)

// Status is what a lookup came to.
type Status uint8

// The outcomes of a lookup. All but Found arrive as an *Error.
const (
	Found     Status = iota // there are records
	NXDomain                // the name does not exist
	NoData                  // the name exists and has no record of this type
	NullMX                  // the domain says that it takes no mail (RFC 7505)
	BadName                 // the name asked for cannot be in the DNS; nobody was asked
	BadAnswer               // there are records, and all hold names that must not be used
	Failed                  // nobody could say: timeout, SERVFAIL, REFUSED, lame, malformed, cancelled
	Disabled                // this resolver does not do lookups of this type
	Filtered                // ViewOptions.Filter leaves none of the records
)

var statusNames = [...]string{"found", "no such name", "no such record", "null MX",
	"bad name", "bad answer", "lookup failed", "lookups disabled", "filtered"}

// String returns a few words for the log.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status %d", uint8(s))
}

// What errors.Is tells apart. ErrNotFound covers NXDomain and NoData, and nothing else.
var (
	ErrNotFound  = errors.New("not found")
	ErrNullMX    = errors.New("null MX")
	ErrBadName   = errors.New("bad name")
	ErrBadAnswer = errors.New("bad answer")
	ErrDisabled  = errors.New("lookups disabled")
)

// Error says why a lookup found nothing. It is immutable: cached answers share it.
type Error struct {
	Status Status
	// Name is the name that was asked for: in the form it was asked in (no final dot), or as
	// the caller wrote it when Status is BadName.
	Name string
	Type Type
	// Server is the "address:port" that answered; "" when nobody did or several failed.
	Server string
	// Cause says what went wrong, for the log; nil when Status says it all.
	Cause error
}

// Error returns everything that is known, for the log, without control bytes.
func (e *Error) Error() string {
	s := "dns: " + printable(e.Name) + " " + e.Type.String() + ": " + e.Status.String()
	if e.Server != "" {
		s += " (says " + e.Server + ")"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, ErrNotFound) and its sisters work.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Status == NXDomain || e.Status == NoData
	case ErrNullMX:
		return e.Status == NullMX
	case ErrBadName:
		return e.Status == BadName
	case ErrBadAnswer:
		return e.Status == BadAnswer
	case ErrDisabled:
		return e.Status == Disabled
	}
	return false
}

// Temporary reports whether trying again later can help. A disabled lookup counts: it says
// nothing about the name, so it must never cost a message; the same holds for a filter's work.
func (e *Error) Temporary() bool {
	return e.Status == Failed || e.Status == Disabled || e.Status == Filtered
}

// Text returns the failure in Postfix's words, fit for a stranger and for log readers made for
// Postfix. The cause and the server are not in it.
func (e *Error) Text() string {
	name := printable(e.Name)
	switch e.Status {
	case NullMX:
		return "Domain " + name + " does not accept mail (nullMX)"
	case BadName:
		return "Name service error for " + name + ": invalid host or domain name"
	case Filtered:
		return fmt.Sprintf("Error looking up name=%s type=%s: DNS reply filter drops all results", name, e.Type)
	case BadAnswer:
		return fmt.Sprintf("Name service error for name=%s type=%s: Malformed or unexpected name server reply", name, e.Type)
	}
	return fmt.Sprintf("Host or domain name not found. Name service error for name=%s type=%s: %s",
		name, e.Type, e.reason())
}

// reason returns the last words of Text, as the resolver library's h_errno has them.
func (e *Error) reason() string {
	switch e.Status {
	case NXDomain:
		return "Host not found"
	case NoData:
		return "Host found but no data record of requested type"
	}
	return "Host not found, try again"
}

// StatusOf returns what err says about the lookup that returned it: Found for nil, the Status of
// an *Error anywhere in its chain, Failed for any other error.
func StatusOf(err error) Status {
	if err == nil {
		return Found
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return Failed
}

// printable returns s with "?" for every character that is not printable ASCII.
func printable(s string) string {
	clean := func(c byte) bool { return c > ' ' && c < 0x7f }
	for i := 0; i < len(s); i++ {
		if !clean(s[i]) {
			return strings.Map(func(r rune) rune {
				if r < 0x7f && clean(byte(r)) {
					return r
				}
				return '?'
			}, s)
		}
	}
	return s
}
