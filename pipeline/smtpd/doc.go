// Package smtpd is the policy side of an SMTP connection: limits, access rules, the plugins of the
// SMTP stages, and the hand-over to cleanup. The protocol itself is core/smtp's.
//
// With Options.Proxy the hand-over is to a filter that speaks SMTP (smtpd_proxy_filter), not to cleanup:
// MAIL, RCPT, DATA and the text go there as the client gives them, and what the filter answers the
// client is told. The filter gives the mail to another service, which queues it.
//
// New returns the handler of one master.cf service; the engine asks it for a session per
// connection.
//
// # Invariants
//
// At each stage the access rules are asked first, then the plugins. With smtpd_delay_reject (the
// default) the client, helo and sender lists are asked at RCPT, where sender and recipient are
// known for the log. 250 at the end of data is said only after cleanup committed, or the filter said
// so.
//
// A connection counts against its client's limits from Connect to Close.
//
// # Errors
//
// What a stage returns is a *status.Error; each refusal is logged once, in Postfix's words:
// "NOQUEUE: reject: RCPT from …". Refusals by plugins are logged where they are made.
package smtpd
