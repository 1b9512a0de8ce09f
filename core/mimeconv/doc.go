// Package mimeconv encodes the 8-bit parts of a MIME message so that it can go to a server
// without 8BITMIME (RFC 6152 §3).
//
//	text, err := mimeconv.SevenBit(content)
//
// A part whose Content-Transfer-Encoding is 8bit or binary becomes quoted-printable when it is
// text, base64 when it is not (RFC 2045 §6.7, §6.8), and its header says so. Multiparts and
// enclosed messages (message/rfc822) keep their structure and become 7bit. Everything else is
// left as it is: parts that are encoded already, and 8-bit text that is not declared, of which
// nobody knows what it means; Postfix sends that as it is too.
//
// # Invariants
//
// What is not converted keeps its bytes. Decoding a converted part gives its original bytes, but
// that a bare LF has become CR LF. A converted part has lines of at most 76 characters.
//
// The text streams: a header block of at most 256 KiB and a few lines are in memory. Structures
// deeper than 50 levels, and parts with larger headers, are left as they are.
//
// A signature over a converted part is broken by it. That cannot be helped: RFC 1847 §2.1 and
// RFC 6376 §5.3 tell signers to encode first.
//
// # Errors
//
// Only reading the original fails; no text is malformed enough to be refused.
package mimeconv
