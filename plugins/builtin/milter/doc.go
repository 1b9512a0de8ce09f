// Package milter is the client side of Sendmail's mail filter protocol: it lets a mail filter that
// speaks it (opendkim, rspamd, clamav-milter …) decide about mail and edit it, as a plugin does.
//
// One Module is one milter. Master makes one for each entry of smtpd_milters and
// non_smtpd_milters; a [[plugin]] with builtin = "milter" puts one at a place of its own in the
// chain.
//
// # Invariants
//
// There is one connection to the milter per SMTP connection, opened at the connect point and
// closed with it; mail that did not come by SMTP has one of its own. Header and body are sent at
// eom, as Postfix does, so that the milter sees the edits of the plugins before it; it does not
// see the Received field of this host. Edits count only when the milter's last answer is there.
// After a failure the milter is not asked again on that connection, and milter_default_action
// holds for the rest of it. Every wait has a deadline; answers are bounded by maxPacket, edits of
// one message by maxEdits and maxEditBytes.
//
// # Errors
//
// New names the setting that is wrong. A milter that cannot be reached, breaks the protocol or is
// too slow is a line in the log and the default action. Only when it breaks in the middle of a new
// body does Call fail, so that the host forgets what was written of it; then the host's on_error
// applies, which master sets to fit.
//
// # Format
//
// The protocol's versions 2, 3, 4 and 6: packets of a length (4 bytes, big-endian, command
// included), a command byte and its data.
//
// # Known gaps
//
// Rejected recipients are not shown to milters (SMFIP_RCPT_REJ is not offered), nor are unknown
// commands. The arguments that a milter gives with a new recipient or sender are ignored.
package milter
