// Package dovecot asks a Dovecot auth service who a client is (smtpd_sasl_type = dovecot).
//
// New returns a client of one socket. It keeps one connection, over which any number of exchanges
// run at once, each by a number of its own; a connection that ends is made again when it is next
// needed.
//
//	c := dovecot.New(dovecot.Options{Network: "unix", Address: "/var/spool/postfix/private/auth"})
//	defer c.Close()
//
// # Invariants
//
// Every answer has a deadline and every line a longest length; what the server says to a number
// that nobody waits for is dropped. A password leaves this package for the server alone.
//
// An exchange of which no answer came is asked once more over a new connection, as the old one may
// have been dead before; one that has an answer is not.
//
// # Errors
//
// A server that cannot be reached, says nothing in time or ends the connection is a temporary
// *sasl.Failure. What it refuses is a failure with its "reason", if it gives one.
//
// # Format
//
// The Dovecot authentication protocol 1.x: lines of tab-separated fields, in UTF-8. The server
// begins with VERSION, MECH…, SPID, CUID, COOKIE and DONE; the client says VERSION and CPID, then
// AUTH and CONT; the server answers OK, CONT or FAIL, each with the number of the request. A tab, a
// line end, NUL and 0x01 within a field are written as 0x01 and a letter.
package dovecot
