// Package mail is a message as mtad sees it: the envelope, the header, the content.
//
// An Envelope is a plain value that the stages hand to each other. A Header is the header block,
// kept byte for byte and edited by field. A Content is text that can be read again and at any
// offset; the whole message is never held as one []byte, unless it is small.
//
// # Invariants
//
// Text is in wire form: lines end in CRLF, dots are not doubled, there is no bare CR or LF. What a
// Header edit does not touch keeps its bytes. head + rest = message: the header block is the
// field lines without the empty line behind them; the rest begins with that empty line, if the
// message has one.
//
// # Errors
//
// Parsing a header never fails: a line that is no field ends it. Reading Content fails only
// where its storage does.
package mail
