// Package local delivers to the users of this machine, as the mailbox side of Postfix's local(8)
// does.
//
// The user is the local part of the recipient in lower case, without the extension behind
// recipient_delimiter. In order:
//
//  1. a recipient that the message was delivered to before (Delivered-To) bounces;
//  2. Options.Expander may know the user as an alias: the message goes on to others;
//  3. an account (Options.Users) gets the mail in home_mailbox below its home directory, or else
//     in its mailbox in mail_spool_directory;
//  4. any other user is unknown, postmaster and mailer-daemon included.
//
// With Options.Directory there are no accounts: the users are those that local_recipient_maps
// names, or everybody when there is no such table, and all mailboxes are in
// mail_spool_directory. This is for a server that runs as one user and for trying mtad out.
//
// A mailbox is a Maildir when its path, or the spool's, ends in "/", else an mbox.
//
// # Invariants
//
// A user name never leads out of the spool, nor home_mailbox out of the home directory.
//
// What is written is written with the rights of the account (mailbox.Deliverer), or of this process
// where that is all there is.
//
// Nothing is read from .forward files and no command is run: what a site has of these is not
// obeyed by halves. mailbox_command, mailbox_transport and their like are not parameters of this
// package.
//
// # Errors
//
// As results:
//
//	bounced   5.1.1  unknown user
//	bounced   5.1.3  no user name in the address
//	bounced   5.4.6  mail forwarding loop
//	deferred  4.3.0  the accounts, the table or the aliases cannot be asked
//	deferred  4.3.5  an account without a home directory, a home_mailbox that cannot be
//
// and what package mailbox says of the mailbox. Mail to double_bounce_sender is taken and thrown
// away: it is the end of all notices.
//
// # Known gaps
//
// TODO(local): .forward, commands, files and includes in aliases, luser_relay,
// fallback_transport and mailbox_transport come with delivery as other users.
package local
