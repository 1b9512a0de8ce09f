// Package build makes and changes the indexed files of tables: what postmap(1) and postalias(1) do.
//
// Make builds the index of a text, Insert adds entries to one, Delete takes keys out, Dump lists
// what is there.
//
// # Invariants
//
// An index is never changed in place: each call writes a new one and renames it (package index), so
// lookups go on meanwhile and see all of a change or nothing. Two calls at once wait for each other
// (a lock on the directory). Keys are folded to lower case. An index has the permissions of its
// text, or of the index that it replaces.
//
// # Errors
//
// A line that is no entry and a key that is there already are told to Options.Warn, and left out;
// everything else is an error, after which the old index is as it was.
package build
