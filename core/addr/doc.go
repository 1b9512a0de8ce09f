// Package addr knows mail addresses: taking them apart, quoting, comparing.
//
// Everywhere in mtad an address is a string in external form: the local part is quoted when
// RFC 5321 §4.1.2 needs it ("a b"@example.com), the null sender is "". The internal form, with
// the quotes gone, exists only as lookup key and inside delivery agents (Internal, External).
//
// # Invariants
//
// Split, Internal and External never fail and never panic, whatever the bytes.
// External(Internal(x)) is x for every minimally quoted x.
//
// # Errors
//
// There are none: the grammar of SMTP paths, which can fail, is core/smtp's.
package addr
