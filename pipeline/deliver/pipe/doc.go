// Package pipe delivers mail to programs: the agent behind a service of master.cf whose command is
// pipe (pipe(8)). Parse reads the attributes of the service, New makes the queue.Agent.
//
// For each request the program is started once, with the arguments that argv= says and the message
// on its standard input, in the order From_ line, Return-Path, X-Original-To, Delivered-To (as
// flags= asks), the message, an empty line (flag B). What it writes and how it ends decide:
//
//	exit status 0                           sent, 2.0.0
//	71, 75 (sysexits)                       deferred, 4.3.0
//	64–70, 72–74, 76–78                     bounced: 65 5.6.0, 67 5.1.1, 68 5.1.2, 73 5.2.0,
//	                                        76 5.5.0, 77 5.7.0, 78 5.3.5, others 5.3.0
//	any other status                        bounced, 5.3.0
//	output begins with "4.x.y " or "5.x.y " that code and its class, unless the status is 0
//	ended by a signal, could not be started deferred, 4.3.0
//	out of time                             deferred, 4.3.0, and the whole process group killed
//	attributes that cannot be obeyed        deferred, 4.3.5
//
// A notice of success says "delivered" with flag X, else "relayed".
//
// # Invariants
//
// No shell is ever involved: neither for argv=, nor for a file without "#!", which Postfix's
// execvp(3) would hand to one.
//
// The number of arguments depends on argv= and the number of recipients alone, never on what an
// address contains. An argument of which a macro is the beginning never becomes an option: mail
// that would make it begin with "-" is returned (5.1.3), unless "--" stands before in argv=.
//
// A command never sees a shorter message as a whole one: when the message cannot be read to its
// end, the command is killed before its standard input is closed.
//
// The command has an environment of its own (PATH and what export_environment says), standard
// input, one pipe for standard output and standard error, and no other open file (what mtad itself
// inherited is closed on Linux from 5.11 on). It leads a session and a process group; on Linux its
// umask is 077.
//
// The command never runs as root or as mail_owner, nor in a group of theirs. As somebody else than
// mtad itself it runs by way of a privileged parent (Options.Runner), who has the service's
// attributes of its own reading.
//
// # Errors
//
// Parse and New say what is wrong with the service in one line; Misconfigured makes the agent that
// defers mail for a service that cannot be used, as Postfix does. Deliver's results carry all else;
// their cause names the path and the account, which are nobody's business but the admin's.
//
// # Known gaps
//
// Where the system is not Linux, the command's umask is mtad's.
package pipe
