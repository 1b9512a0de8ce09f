// Command mtad is a mail transfer agent that takes plugins: one program for the daemon and for the
// commands that Postfix users know.
//
//	mtad [-c DIR] VERB [ARGUMENTS]
//
// Called by the name of one of Postfix's commands (a link named sendmail, mailq, postqueue ...) it
// is that command; "mtad sendmail ..." is the same. Each verb is one file of this package and
// thin: what a verb knows of mail is in pipeline and core.
//
// # Errors
//
// Messages on standard error begin with the name of the command, as Postfix's do: "postqueue:
// fatal: ...". Exit codes are those of Postfix's commands and of sysexits(3): 0, 1 for most
// failures, and for sendmail and postqueue 64 (usage), 65 (data), 67 (no such user), 69
// (unavailable), 74 (input/output), 75 (try again later).
package main
