// Package compose makes a message and its envelope out of what a user gives to the sendmail
// command: text on standard input, addresses as arguments or in the header.
//
// Read takes the text to its end before it returns: a program may write for hours into
// sendmail, and the daemon need not wait for it.
//
// # Invariants
//
// Text is kept as the user gave it, line ends included, but for what sendmail takes away: mbox
// "From " lines before the header, everything from a line with a single dot on (unless told
// otherwise) and, when recipients are taken from the header, its Bcc and Resent-Bcc fields. More
// than 1 MiB is held in a temporary file, never in memory. Addresses are in external form.
//
// # Errors
//
// ErrNoRecipients and ErrTooBig are the user's; other errors are those of the input and of the
// temporary file.
package compose
