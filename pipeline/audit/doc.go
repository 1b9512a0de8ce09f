// Package audit finds what is wrong with a configuration although each parameter is fit by itself:
// tables that do not open or do not parse, a restriction that nothing reaches, an open relay, a domain
// in two address classes, a transport that no service defines, a web console that nobody reaches.
//
// Run looks at everything that the configuration names; the verbs check and "postfix check" print it
// behind what conf.Check says of each parameter.
//
// # Invariants
//
// Nothing is changed, and no server is asked: tables of databases are looked at as far as their own
// configuration files. A file is read once for each parameter that names it, and only as far as
// maxEntries entries.
//
// # Errors
//
// There are none: what cannot be read is a finding.
package audit
