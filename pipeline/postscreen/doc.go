// Package postscreen keeps robots from the SMTP server (postscreen(8)): it looks at a client before
// the greeting, and hands on only those that pass.
//
//	l := postscreen.Listen(inner, options)   // a net.Listener for core/smtp
//
// A client passes at once when the access list permits it, or when it passed before and that is
// not too long ago. Others see the first line of a greeting of two lines and have to wait for the
// second one (postscreen_greet_wait), while lists in the DNS are asked. Who speaks before its turn,
// or is listed, is logged; the action says whether it may go on (ignore), is refused at RCPT
// (enforce), or at once (drop).
//
// Tests after the greeting, where they are enabled, take a whole session with a server that is built in and
// takes no mail: the client passes at RCPT, is told 450, and goes to the real server when it comes again.
// Who fails there hears 550 at RCPT, or 521 at once.
//
// # Invariants
//
// What a client said too early is not lost when it may go on. A connection has one owner: its
// goroutine here, then who accepts it. Close returns when no goroutine of the listener runs.
//
// # Errors
//
// A list that does not answer counts nothing; a table of the access list that cannot be asked
// decides nothing. Both are logged.
//
// # Known gaps
//
// Results of the DNS count for postscreen_dnsbl_min_ttl.
package postscreen
