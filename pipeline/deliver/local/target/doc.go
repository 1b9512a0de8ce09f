// Package target reads what mail for a user may be sent on to: the right-hand side of an alias
// (aliases(5)), a line of a .forward file, a line of an :include: file. All three have one syntax, and
// this is its one parser.
//
//	user, user@example.com      an address
//	\user                       the mailbox of user, past aliases and .forward
//	/file/name, /dir/name/      a file (mbox), a Maildir
//	"|command args"             a command
//	:include:/file/name         the targets in a file
//
// Targets are separated by commas outside quotes. A target in double quotes is what stands between
// them, with \" for a quote and \\ for a backslash.
//
// # Invariants
//
// Parse never fails: what is no file, command or include is an address, and whoever resolves it says
// what is wrong with it. It returns at most one target per byte.
package target
