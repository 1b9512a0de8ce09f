// Package redistable asks tables in a Redis server (type redis).
//
// Open makes a Table; nothing is connected before the first lookup.
//
// # Format
//
// The configuration file is of the kind that Postfix has for databases, with the parameters hosts
// (one: unix:path, inet:host:port or host:port; localhost:6379), user, password, dbname (a number; 0), query
// (a template for the name of the key; %s), tls (no), timeout (10 s), and domain, result_format and
// expansion_limit, which mean what they mean there. The value is what GET answers.
//
// # Invariants
//
// A lookup is one GET; the key is an argument and cannot become a command. Lookups are made in
// lower case, as in the other databases. A Table is safe for concurrent use and has at most 8
// connections.
//
// # Errors
//
// Open: bad parameters. Lookup: whatever is neither a value nor "no such key"; always temporary.
package redistable
