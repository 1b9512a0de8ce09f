// Package checks is header_checks, mime_header_checks, nested_header_checks and body_checks
// (header_checks(5), body_checks(5)): tables that say what is to become of a message because of one
// of its lines.
//
// Each logical header field, with its line ends as LF, and each line of the body is looked up; the
// value found is an action and its text. Header fields of the message go to header_checks, or to
// mime_header_checks when they are about MIME; those of MIME parts to mime_header_checks; those of
// attached messages to nested_header_checks. Of each MIME part, and of the body before and behind
// them, the first body_checks_size_limit bytes are looked at. Nothing is decoded and nothing is
// remembered from one line to the next.
//
// # Invariants
//
// Forwarded mail is not looked at, nor are notices unless the setting internal says so. The first REJECT, DISCARD or PASS ends the
// inspection. Text that no action changes stays byte for byte as it is. The body is read in
// blocks, never as a whole.
//
// # Errors
//
// New names the table it cannot open. A table that cannot be asked refuses the message with 451
// 4.3.0. A value that is no action is a warning in the log, and the line stays.
//
// # Known gaps
//
// When lines of one message ask for HOLD and FILTER, HOLD counts. PASS ends the inspection by
// these tables, not by milters.
package checks
