// Package checks is what header_checks(5) and body_checks(5) have in common, whoever asks: cleanup
// for mail that comes, the SMTP client for mail that leaves. It takes a message apart into the
// units that are looked up, knows which table is about which unit, and reads actions.
//
// Units are logical header fields, with line ends as LF, and lines of the body. Header fields of the
// message are Header, or MIME when they are about it; those of MIME parts MIME; those of attached
// messages Nested. Of each MIME part, and of the body before and behind them, the first bytes are
// looked at as body. Nothing is decoded and nothing is remembered from one line to the next.
//
// Walk goes through a body and tells of what changes; Patch is a text with such changes.
//
// # Invariants
//
// Text that no action changes stays byte for byte as it is. A body is read in blocks, never as a
// whole.
//
// # Errors
//
// Those of reading and replacing, as they are.
package checks
