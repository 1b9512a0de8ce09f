// Package param knows the parameters: names, types, default values, and what mtad does with each.
//
// The names and default values are those of Postfix up to 3.12 (postconf(5)) but for what depends
// on the build, such as directories; a few are mtad's own. Find looks one up; OfTransport finds the
// parameters that every transport has (NAME_destination_concurrency_limit ...); Nearest helps with
// a name that nobody knows.
//
// # Format
//
// The registry is kept in data/*.tsv, one file per area, lines in the order of names:
//
//	name TAB type TAB default TAB effect TAB text
//
// A name with "~" before it is an old one, which is listed only where it is set. The type is one
// of the words of Type, then perhaps its values (enum(a,b), list(a,b); enum(a,!b) for a value b
// that is known and not built) and its range in the parameter's smallest unit (int 1.., time
// 0..8640000). A default that begins with "@" is
// computed when the configuration is loaded. The effect is effective, accepted or unsupported;
// the text says what the parameter does, why it has no effect, or what to use instead. The lines
// #default-accepted and #default-unsupported give the text of rows that have none. To change what
// mtad says of a parameter, change its row.
//
// # Invariants
//
// The registry is read once and never changes; what Find returns is shared and must not be
// changed. A row that does not have the form is found by the tests of this package.
//
// # Errors
//
// Check says what a value should be; it does not know files and lines.
package param
