// Package smtpd is the policy side of an SMTP connection: limits, access rules, the plugins of the
// SMTP stages, and the hand-over to cleanup. The protocol itself is core/smtp's.
//
// New returns the handler of one master.cf service; the engine asks it for a session per
// connection.
//
// # Invariants
//
// At each stage the access rules are asked first, then the plugins. With smtpd_delay_reject (the
// default) the client, helo and sender lists are asked at RCPT, where sender and recipient are
// known for the log. 250 at the end of data is said only after cleanup committed.
//
// A connection counts against its client's limits from Connect to Close.
//
// # Errors
//
// What a stage returns is a *status.Error; each refusal is logged once, in Postfix's words:
// "NOQUEUE: reject: RCPT from …". Refusals by plugins are logged where they are made.
package smtpd
