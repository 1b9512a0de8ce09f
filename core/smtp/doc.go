// Package smtp is the server side of SMTP: grammar and state machine, no policy.
//
// The grammar of command lines is package grammar, bytes and buffers are package wire; test peers
// are package smtptest.
//
// A Server takes connections from listeners (Serve) or one by one (ServeConn), and asks a Handler
// for a Session per connection. The engine reads commands, checks their grammar, order and size,
// and calls the Session; what the Session answers is the reply. What a refused client or an
// unknown recipient is, the engine does not know.
//
// It speaks RFC 5321 with the extensions SIZE (RFC 1870), ENHANCEDSTATUSCODES (RFC 2034),
// PIPELINING (RFC 2920), CHUNKING and BINARYMIME (RFC 3030), STARTTLS (RFC 3207), DSN (RFC 3461),
// AUTH (RFC 4954; the mechanisms are the Session's), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531),
// ETRN (RFC 1985), and answers 521 as RFC 7504 says. Texts and limits are Postfix's, and so is
// the leniency towards clients, unless Options.StrictRFC821.
//
// # Invariants
//
// Only CRLF "." CRLF ends the text of DATA. What Body hands out has CRLF as its only line end and
// no other CR or LF, so that a sender that doubles leading dots cannot be made to end a message
// early (see RATIONALE.md). After BODY=BINARYMIME alone the bytes are as they came.
//
// A message whose end did not arrive is never accepted: Body.Next fails, and whatever Message
// returns then, no positive reply is sent.
//
// No reply line is longer than 512 octets; none holds a CR, LF, NUL or control byte of a peer's
// or a policy's. Replies leave when no complete command is left to be executed.
//
// An idle connection without TLS holds no buffer. A message in flight holds one read buffer of
// 32 KiB and at most one of 4 KiB for text that had to be changed. Nothing grows with the length
// of a line or of a message.
//
// Every goroutine belongs to a Serve, ServeConn or Shutdown call, which returns after it.
//
// # Errors
//
// Nothing that a client sends is an error of Serve. What ends a connection is told to
// Session.Close as *EndError. An error of a Session is answered with its reply (status.From);
// one with code 421 or 521 ends the connection too, as in Postfix. A panic of a Session ends its
// connection alone and is logged.
//
// # Format
//
// The grammar of commands is package grammar's; a command line may end without CR, unless
// BareNewline is Reject. The form of text is package wire's.
package smtp
