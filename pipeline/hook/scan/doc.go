// Package scan finds words and patterns in messages, takes their MIME structure apart and hashes
// their texts, at native speed, for the scan service of plugins.
//
// A Message is opened over a header block and what follows it; Text names one of its texts: raw,
// or decoded from its MIME parts. A Words is a compiled set of words, found in one pass whatever
// their number; a Pattern is a compiled regular expression.
//
// # Invariants
//
// Nothing here holds more than a few blocks of a message in memory: texts are read as streams, and
// read again when an earlier place is wanted. Every pass looks at the clock as it reads. What
// cannot be decoded ends its part: a malformed message is never an error, and never more than its
// own problem.
//
// # Errors
//
// ErrTime when the time is over, ErrPart when there is no such part, ErrLimit when a set or
// pattern is larger than is allowed, ErrDisk when the message cannot be read.
//
// # MIME
//
// Parts are the leaves of the structure (RFC 2046), in order, those of attached messages
// (message/rfc822) included. Transfer encodings are undone; text in a charset that is known comes
// in UTF-8. At most MaxParts parts are told apart, MaxDepth deep.
package scan
