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
// The tests after the greeting (postscreen_pipelining_enable, postscreen_non_smtp_command_enable,
// postscreen_bare_newline_enable) are not here: smtpd has parameters of its own for them. Results of
// the DNS count for postscreen_dnsbl_min_ttl.
package postscreen
