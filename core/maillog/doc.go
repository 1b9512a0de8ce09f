// Package maillog writes the mail log in Postfix's wording, so that tools made for Postfix's log
// (pflogsumm, fail2ban filters) work unchanged, or the same events as JSON.
//
// A Log is the file or stream, which may be a syslog daemon (Syslog); a Service is the tag under which one service of master.cf logs
// ("postfix/smtpd"). Mail events have a method each; everything else goes through the
// *slog.Logger that Service.Slog returns.
//
// # Invariants
//
// An event is one line. Text that came from a peer is cleaned (status.Clean): no line break, no
// control byte reaches the log. Lines of one Log are never mixed. A line is written within
// FlushAfter; warnings and errors at once, with everything before them.
//
// # Errors
//
// A log that cannot be written does not stop mail: the first failure is reported on standard
// error, lines are counted as lost (Lost).
//
// # Format
//
// Postfix: "Nov 23 01:02:03 host postfix/smtpd[pid]: 4F2A7C0: client=name[addr]". JSON: one
// object a line with time, service, event, id and the event's own fields.
package maillog
