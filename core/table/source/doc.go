// Package source reads the texts that tables are made of: those of postmap(1) and postalias(1).
//
// # Format
//
// postmap: a key, white space and a value per line. What is in double quotes in a key may have
// white space, and the quotes are part of the key.
//
// postalias: a name, a colon and a value (aliases(5)). A name may be in double quotes, which are not
// part of it; white space in the value is put into one form.
//
// In both, blank lines and lines that begin with "#" do not count and a line that begins with
// white space continues the one before it.
//
// # Invariants
//
// Read calls back in the order of the text and holds one logical line at a time, so a text may be
// larger than memory. Keys are handed over as they are written, unfolded.
//
// # Errors
//
// A line that is no entry is reported as a Problem and left out, as Postfix does. Read fails if
// the text cannot be read or a line is longer than 1 MiB.
package source
