// Package grammar reads the command lines of SMTP: verbs, paths, parameters.
//
// Parse takes a line apart; ParseMail, ParseRcpt and ParseChunk read the arguments of the verbs
// that have a grammar of their own; Paths reads addresses wherever they come from.
//
// # Invariants
//
// No input makes it panic. An address that is accepted is in external form (package addr), its
// local part quoted only where it must be, and read again it is itself. ENVID, ORCPT and AUTH
// hold no control characters, not even encoded, so that a notice that shows them cannot be given
// lines of a stranger's own. What is returned as string does not share memory with the line.
//
// # Errors
//
// What is refused is returned as the reply that says why, in Postfix's words. The zero reply is
// no refusal.
//
// # Format
//
// RFC 5321 §4.1, with RFC 1870, 3030, 3461, 4954, 6152, 6531, 6533. Lenient, as Postfix without
// strict_rfc821_envelopes: white space after "FROM:" and inside of the angle brackets, addresses
// without brackets, without domain, with a final dot, with underscores in the domain, with empty
// atoms or several quoted words in the local part.
package grammar
