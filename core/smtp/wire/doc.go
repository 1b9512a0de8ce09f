// Package wire is SMTP in bytes: what a client sends, taken in by line or by block with borrowed
// buffers; the text of messages, decoded; replies, encoded.
//
// # Invariants
//
// Text that a Decoder hands out has CRLF as its only line end and no other CR or LF. With dots,
// only CRLF "." CRLF ends it. An Input on a plain socket holds no buffer while it waits with
// nothing left untaken. A reply line has at most MaxReplyLine octets and no control character.
//
// # Errors
//
// Input.Fill returns the connection's errors as they are; nothing else fails.
//
// # Format
//
// RFC 5321 §4.2 (replies), §4.5.2 (transparency), RFC 2034 §4 (enhanced codes).
package wire
