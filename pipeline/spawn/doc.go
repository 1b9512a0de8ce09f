// Package spawn runs a command for each connection, as Postfix's spawn(8) does: the daemon behind a
// service of master.cf whose command is spawn, such as a policy server (check_policy_service).
//
//	c, err := spawn.Parse(service.Args) // user=nobody argv=/usr/bin/perl /etc/policy.pl
//	s := spawn.New(spawn.Options{Command: c, Service: service.Name, Start: …, Limit: …, Processes: …})
//	err = s.Serve(ctx, listener)
//
// The command gets the connection as its standard input, output and error. It starts in
// queue_directory with the environment that export_environment says and with the rights of user=,
// which may be neither root nor the mail system.
//
// # Invariants
//
// No shell is involved, and nothing that a client sends becomes an argument or a variable.
//
// No more than Options.Processes commands run at a time; who connects meanwhile waits in the
// listener's queue. A command that runs longer than Options.Limit is killed with all that it started.
//
// Serve returns when every command that it started has ended: those that run when it is told to end
// are killed.
//
// # Errors
//
// Parse says in one line what is wrong with the attributes. A command that cannot be started, ends
// with another status than 0, by a signal or by its time limit is a warning in the log, in Postfix's
// words; its client sees the connection end.
package spawn
