// Package table is one interface for every kind of lookup table: `type:name` wherever a parameter
// takes one.
//
// Open makes a Table of a specification; Maps asks several in order, as a parameter that lists
// tables does; Check says what is wrong with one.
//
// hash, btree, dbm, sdbm, cdb and lmdb are one type here: the index that postmap builds
// (package index); without one the text that it is built from; without that the .db file that
// Postfix's postmap left (package bdb). Patterns are in packages pattern and cidr, texts in package
// source, servers in packages remote (tcp, socketmap), sqltable (sqlite, mysql, pgsql), ldaptable
// and redistable; texthash, static, inline, environ, internal, fail, unix, unionmap, pipemap, randmap and
// proxy (which is the table behind it) are here; plugin, process and wasm are the plugin of that
// name (Options.Plugin).
//
// # Invariants
//
// An error means "ask again later", never "not found". Keys of indexed files and texthash are
// folded to lower case, as postmap folds them; patterns see keys whole and as they are. A Table is
// safe for concurrent use. Tables made of files notice within a second that a file has changed; a
// lookup sees the old state or the new, never half of one. A state that cannot be read does not
// replace one that could.
//
// # Errors
//
// Open names the file and line of what it cannot use. What Postfix leaves out with a warning is
// told to Options.Warn, or refused when there is nobody to tell. Lookup's errors are temporary.
//
// # Format
//
// Of texts: package source. Of indexes: package index. Of rules: packages pattern and cidr, where
// `{ {rule}, {rule} … }` may stand for the name of a file.
package table
