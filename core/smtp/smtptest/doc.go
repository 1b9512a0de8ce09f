// Package smtptest has peers for tests of SMTP and LMTP: a scripted server, a scripted client, and
// certificates made on the spot.
//
// A test of a client starts a Server with one script per connection that it expects, lets the
// client loose on Addr, and calls Wait:
//
//	srv := smtptest.NewServer(t, `
//		S: 220 mx.example.com ESMTP
//		C: ~EHLO .*
//		S: 250 mx.example.com
//		C: MAIL FROM:<a@example.org>
//		S: 451 4.3.0 Try again later
//		! hang`)
//
// A test of a server dials it and plays the client's side:
//
//	smtptest.DialClient(t, address).Play(`
//		S: 220 mx.example.com ESMTP
//		C: QUIT
//		S: 221 2.0.0 Bye
//		! eof`)
//
// # Invariants
//
// Every goroutine of a Server has ended when the test has. Nothing is written outside of the
// test's directory, nothing is looked up.
//
// # Errors
//
// Whatever does not go as the script says fails the test, with the line of the script. Connections
// time out after Patience, so that a test fails instead of hanging; a net.Pipe does not, so that
// it can be used with testing/synctest.
//
// # Format
//
// A script is a dialogue. White space around a line is ignored, and so are empty lines and lines
// that begin with "#".
//
//	S: text      the server sends text and CRLF
//	C: text      the client sends text and CRLF
//	S= "text"    the server sends the text of a Go string, as it is; C= the client
//	C...         the client sends the text of a message, up to CRLF.CRLF (Messages)
//	C#10         the client sends 10 bytes (Messages)
//	! starttls   both begin TLS
//	! close      this side closes the connection
//	! reset      this side closes it so that the other sees a reset
//	! eof        the other side closes the connection
//	! hang       this side does nothing until the other closes, or the test ends
//	! wait 5s    this side waits (for testing/synctest)
//
// The side that plays sends its own lines and expects those of the other: text must be equal;
// after "~" it is a regular expression for the whole line; "*" is any line. Lines that are sent
// one after the other leave in one write. "C..." and "C#" can only be expected.
package smtptest
