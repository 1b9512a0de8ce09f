// Package edit changes main.cf and master.cf as postconf -e, -X and -# do, and leaves everything else
// in them as it is: comments, order, white space.
//
// Set, Delete and Comment make a new main.cf of an old one; Services does the same for master.cf, with
// a function that says what becomes of each service. File puts such a change on disk.
//
// # Invariants
//
// A line that is not asked for stays byte for byte where it is, also a comment in the midst of one
// that changes (Postfix moves those of master.cf to the front). A name that main.cf sets several times
// is there once after it was set. A reader of the file sees the old text or the new one, never a part
// of it; two writers wait for each other.
//
// # Errors
//
// What File returns says which file could not be read or written; then the file is as it was.
package edit
