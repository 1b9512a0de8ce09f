// Package virtual delivers to mailboxes that tables name, as Postfix's virtual(8) does: no unix
// accounts, no aliases, no commands.
//
// The path of a mailbox is Options.Base, a "/", and the value that virtual_mailbox_maps has for the
// recipient; one that ends in "/" is a Maildir, any other an mbox. The table is asked for
// user+extension@domain, user@domain and @domain, in this order, all in lower case with the quotes
// of the local part gone.
//
// # Invariants
//
// A mailbox never lies outside of Options.Base. Mail ends here, so a message that was delivered to its
// recipient before (Delivered-To) is no loop: a user sent it again.
//
// A mailbox is written with the rights that virtual_uid_maps and virtual_gid_maps name
// (mailbox.Deliverer), or with those of this process where that is all there is; the tables are
// asked and what they say is checked all the same.
//
// # Errors
//
// As results:
//
//	bounced   5.1.1  the table has no such recipient
//	deferred  4.3.0  a table cannot be asked; never "not found"
//	deferred  4.3.5  a table has a value that cannot be used, or no owner for the mailbox
//
// and what package mailbox says of the mailbox.
package virtual
