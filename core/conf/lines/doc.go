// Package lines joins the physical lines of Postfix's configuration files to logical lines.
//
// main.cf, master.cf and the files that lists include (`/file`) share one convention
// (postconf(5), master(5)): empty lines and lines whose first non-blank character is "#" are
// skipped, even in the middle of a value; a line that starts with white space continues the
// logical line before it.
//
// # Invariants
//
// Read never fails and never panics. The text of a logical line holds no newline and no part of a
// comment; Number is defined for every offset, also past the end.
//
// # Errors
//
// There are none: what may stand in a logical line is the business of its reader.
package lines
