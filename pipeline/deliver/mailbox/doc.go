// Package mailbox writes messages into mailboxes: Maildir directories and mbox files.
//
// A Writer is made once (New) and given a Place and a Message for each delivery. A Place is made
// from a base directory and a path below it (Below, InSpool); a path that ends in "/" is a
// Maildir, any other an mbox file, as in Postfix.
//
// # Invariants
//
// When Deliver returns nil the message is on stable storage: the file is synced, and so is the
// directory that names it. When it fails, the mailbox is as it was: a Maildir's new has no part
// of the message, an mbox has its old length. A crash in the middle leaves at most a file in tmp,
// or a part at the end of an mbox, which the next delivery closes with an empty line.
//
// Deliveries to one mbox never interleave: not those of this process, nor those of others that
// take the same locks.
//
// No delivery leaves its base directory, whatever the path says and whatever symbolic links stand
// below the base (os.Root). An mbox is opened only when it is a regular file with one name and,
// if the options say so, of the right owner; a symbolic link in its place is refused.
//
// # Quota
//
// A Maildir with a file maildirsize (the Maildir++ convention that Courier and Dovecot share) holds no
// more than its first line says ("1000000S,5000C": bytes, messages); a folder (".Name/") has the
// limits of the Maildir it is in. What comes is added to the file, and its size is in its name (,S=1234).
// A Maildir that looks full is counted anew when the file has changed since, or is 15 minutes old. A file
// that cannot be read, or names no limit, is none.
//
// # Errors
//
// *status.Error, with the path and the system's words in the cause:
//
//	552 5.2.2  over Options.SizeLimit, over the disk quota, over that of the Maildir
//	452 4.3.1  no space left
//	450 4.2.0  the mailbox cannot be opened, locked or trusted
//	451 4.3.0  any other failure to read the message or write the mailbox
//	451 4.3.5  Below: the path leads out of its base
//
// A cancelled delivery returns the context's error; it left nothing behind.
//
// # Format
//
// Both kinds begin with Return-Path, X-Original-To and Delivered-To as the Message says, and have
// lines that end in LF. A file in a Maildir is named SECONDS.VdeviceIinodeMmicroseconds.HOST, with
// numbers of the file itself, so that no other file can have its name. An mbox message begins
// with "From SENDER  DATE" (ctime, local time), has ">" before each line that begins with "From ",
// and ends with an empty line; this is the mboxo variant, as Postfix writes it.
package mailbox
