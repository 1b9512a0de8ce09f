// Package table is one interface for every kind of lookup table: `type:name` wherever a parameter
// takes one.
//
// Open makes a Table of a specification; Maps asks several in order, as a parameter that lists
// tables does.
//
// The types are hash, btree, dbm, sdbm, cdb and lmdb (all read from the text that postmap reads),
// texthash, static, inline, environ, internal, fail, unix, unionmap and proxy (which is the table
// behind it), and plugin, process and wasm, which are the plugin of that name (Options.Plugin).
//
// # Invariants
//
// An error means "ask again later", never "not found". Keys of indexed files and texthash are
// folded to lower case, as postmap folds them. A Table is safe for concurrent use.
//
// # Errors
//
// Open names the file and line of what it cannot read. Lookup's errors are temporary.
//
// # Format
//
// A text table has a key, white space and a value per line; blank lines and lines that begin
// with "#" do not count; a line that begins with white space continues the one before it. A key
// in double quotes may have white space (postmap(1)).
//
// # Known gaps
//
// regexp, pcre, cidr, randmap, pipemap, tcp, socketmap and the databases are not here yet: Open
// refuses them by name.
package table
