// Package local delivers to the users of this machine, as Postfix's local(8) does.
//
// The user is the local part of the recipient in lower case. In order:
//
//  1. a recipient that the message was delivered to before (Delivered-To) bounces;
//  2. alias_maps are asked for the local part, then for it without the extension behind
//     recipient_delimiter; what they have (package target) is delivered to instead;
//  3. the first file of forward_path that exists is obeyed in the same way, if it is the user's or
//     root's and nobody else can write it;
//  4. mailbox_transport_maps and mailbox_transport hand the message to another transport;
//  5. an account gets it by mailbox_command_maps, mailbox_command, home_mailbox below its home
//     directory, or mail_spool_directory, the first that is set;
//  6. for a user without an account, fallback_transport_maps, fallback_transport and luser_relay;
//  7. any other user is unknown, postmaster and mailer-daemon included.
//
// An address that an alias or a file names is delivered here when it resolves to the same transport,
// else by way of a new entry in the queue (Submitter). The mail of an alias with an owner- companion
// goes by way of a new entry whole, with the owner as its sender. An alias that names itself means
// the user of that name.
//
// With Options.Directory there are no accounts: the users are those that local_recipient_maps
// names, or everybody when there is no such table, and all mailboxes are in
// mail_spool_directory. This is for a server that runs as one user and for trying mtad out.
//
// A mailbox is a Maildir when its path, or the spool's, ends in "/", else an mbox.
//
// # Rights
//
// A mailbox is written, mailbox_command runs and .forward is read with the rights of the account.
// Commands and files of a .forward get those of its user; of an alias those of the owner of the
// table, of an :include: file those of the file's owner, and default_privs where that is root or
// somebody else may write the file. Nothing is ever done as root: a mailbox of root itself is
// refused by the privileged parent, so root needs an alias.
//
// # Commands
//
// A command with none but letters, digits, white space and !@%-_=+:,./ in it, whose first word is a
// program, is started with its words as arguments. Any other is the argument of /bin/sh -c, and with
// local_command_shell every command is the argument of that. What a stranger wrote (addresses, the
// HELO name) is never part of a command's text, only of its environment, where
// command_expansion_filter holds.
//
// # Invariants
//
// A user name never leads out of the spool, nor home_mailbox out of the home directory.
//
// A new entry is on stable storage before the recipient counts as done. Each delivery of an expansion
// is made once, however often it is named, and is not repeated when another part of the same
// recipient has to wait, as long as mtad runs.
//
// An expansion ends: 100 levels and 200,000 steps.
//
// # Errors
//
// As results:
//
//	bounced   5.1.1  unknown user
//	bounced   5.1.3  no user name in the address
//	bounced   5.4.6  mail forwarding loop, alias database loop
//	bounced   5.7.1  mail to a command or a file where the configuration does not allow it
//	deferred  4.3.0  the accounts, a table or cleanup cannot be asked
//	deferred  4.3.5  an account without a home directory, a home_mailbox that cannot be, an alias
//	                 for nothing, an :include: file that cannot be read or that anybody may write
//
// and what packages mailbox and pipe say of mailboxes and commands. Mail to double_bounce_sender is
// taken and thrown away: it is the end of all notices.
//
// A recipient of which one part waits is deferred, one of which a part failed is bounced; each part
// has its own line in the log and its own place in the notice (queue.Part).
package local
