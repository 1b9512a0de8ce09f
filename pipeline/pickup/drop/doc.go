// Package drop is the form in which the sendmail command hands a message over: to the daemon
// through the control socket, or as a file in the maildrop directory while the daemon is down.
//
// Encode and Decode are the two ends of the form; Put makes a file of it.
//
// # Format
//
// A head of lines that end in LF, an empty line, then the message as the user gave it. Strings are
// quoted as in Go. The first line names the version; the order of the others is free, and each
// stands once but for recipient:
//
//	mtad-drop 1
//	arrived 1700000000123              milliseconds since 1970, when sendmail began
//	size 4096                          bytes of the message behind the empty line
//	sender "user@example.com"          envelope sender, "" for none
//	body 8bitmime                      or 7bit; left out when not known
//	smtputf8                           the addresses or the header need SMTPUTF8
//	ret hdrs                           or full (RFC 3461 §4.3)
//	trace verify                       or record: a report on the first attempt (sendmail -bv, -v)
//	envid "xtext"                      RFC 3461 §4.4
//	recipient "a@example.com" notify=success,delay orcpt="rfc822;a@example.com"
//
// Who the user is does not stand in it: it is the owner of the file, or the peer of the socket.
//
// # Invariants
//
// Decode reads back what Encode wrote. A message that is shorter or longer than its size says is
// damaged. A file that Put made appears in the directory whole and synced, or not at all.
//
// # Errors
//
// Decode fails with ErrDamaged for what is not in the form, and with the reader's own error. Put
// fails with the operating system's error and leaves nothing behind.
package drop
