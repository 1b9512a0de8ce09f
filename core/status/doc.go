// Package status is the vocabulary in which the stages of the pipeline tell each other, and the
// peer, how something went: an SMTP reply and an error that carries one.
//
// What crosses the border between two stages is a *Error: its Reply is fit for a stranger, its
// cause is fit for the log and is never shown to the peer. Anything else that crosses is an
// unknown failure, and an unknown failure is temporary (From).
//
// # Invariants
//
// A Reply's code is 2xx to 5xx; its text has no CR, LF, NUL or other control byte once it
// went through Clean. The class of the enhanced code is the first digit of the code.
//
// # Errors
//
// The package makes no errors of its own: it is what errors are made of.
package status
