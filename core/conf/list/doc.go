// Package list takes list values apart.
//
// postconf(5): the elements of a list are separated by commas or white space; `{ ... }` keeps an
// element together. Some lists are match lists (mynetworks, mydestination, relay_domains ...): in
// these `/file/name` stands for the elements of the file, `type:name` for a table, and "!" before
// an element excludes what it matches.
//
// # Invariants
//
// Split never fails. Items reads every file at most 20 levels deep and keeps the order of the
// elements: match lists are decided by the first element that matches.
//
// # Errors
//
// Items fails for a file that cannot be read, an element of "!" alone and braces that do not
// close; the error names the file.
package list
