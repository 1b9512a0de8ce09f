// Package pickup takes what the sendmail command left in the maildrop directory while the daemon
// was down, and brings it to the door of the queue.
//
// Run looks into the directory at start, when a file appears, when Poke is called, and once a
// minute all the same. Files are taken oldest first, one at a time.
//
// # Invariants
//
// A file is removed after Submit has returned an id, never before: a crash between the two submits
// the message twice, never zero times. A file that is damaged, or that the door refuses for good
// and nobody wants to return to its sender, is renamed to "damaged.NAME" or "refused.NAME" and
// kept for the admin. When Submit fails for now, the file stays and is tried again.
//
// The user who submitted is the owner of the file, whatever the file says. A file with more than
// one link is not taken: its owner may not be the one who put it there.
//
// # Errors
//
// What goes wrong with one file is logged and does not keep the others. Run returns only when its
// context ends, and with that error; a directory that cannot be read is logged and looked at again.
//
// # Format
//
// Files are in the form of package drop.
package pickup
