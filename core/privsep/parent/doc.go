// Package parent is the process that stays root. It starts the worker (the same program, as
// mail_owner), answers its requests (package privsep), passes signals on, and starts it again when
// it fails.
//
// # Invariants
//
// Nothing here parses mail, runs a plugin or believes the worker. What may be done is in a Policy,
// which the parent makes of its own reading of the configuration:
//
//   - ports are those of the inet services of master.cf and admin_address;
//   - a command of a service runs the program that the service's argv= names, with its literal
//     arguments, as its user=, in its directory= and chroot=, with the environment of
//     export_environment;
//   - a command of local(8) runs where there is a local service and allow_mail_to_commands or
//     mailbox_command asks for it, as an account of this machine;
//   - a deliverer writes below virtual_mailbox_base as a uid that virtual_minimum_uid allows, or as
//     an account of this machine below mail_spool_directory or its home directory, or, with
//     allow_mail_to_files, into a file;
//   - keys and certificates are those that the configuration names; a key is used, not told.
//
// Nothing runs as uid 0 or gid 0, as mail_owner or in its group, or in setgid_group, with one
// exception: a deliverer into a mail_spool_directory that a group may write has that group among
// its groups.
//
// The configuration must not be the worker's to change: New refuses files that mail_owner owns or
// that others may write.
//
// # What happens to the worker
//
// A worker that ends before it is ready ends the parent, with its exit code. One that fails later is
// started again after a second, doubled at each failure to a minute; its ports stay open meanwhile. When the parent
// ends or dies, so does the worker; commands that had their whole message run on.
//
// # Errors
//
// Refusals and failures go to the worker; the log has those that a worker in order would not meet.
package parent
