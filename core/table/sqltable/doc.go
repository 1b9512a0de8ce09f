// Package sqltable asks tables in SQL databases: Postfix's types sqlite (sqlite_table(5)), mysql
// (mysql_table(5)) and pgsql (pgsql_table(5)), with Postfix's own configuration files.
//
// Open makes a Table; nothing is connected before the first lookup.
//
// # Invariants
//
// A key cannot become SQL. Every string in the query that has a %-place is sent as a bound
// parameter, not as text; a place outside quotes is refused, because there it would be SQL.
// Lookups are made in lower case, as Postfix makes them. A Table is safe for concurrent use and has
// a pool of at most 8 connections per host, idle ones for idle_interval (a minute). A lookup takes at
// most 10 seconds per host.
//
// # Errors
//
// Open: bad parameters. Lookup: when no host answers; always temporary. A host that failed is
// asked again after retry_interval (a minute), or at once when there is no other.
//
// # Known gaps
//
// option_file and option_group of mysql tables are refused: nobody reads my.cnf here. tls_ciphers has
// no effect, which is said: all suites of Go's TLS are strong.
package sqltable
