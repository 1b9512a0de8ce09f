// Package ldaptable asks tables in LDAP directories: Postfix's type ldap (ldap_table(5)), with
// Postfix's own configuration files.
//
// Open makes a Table; nothing is connected before the first lookup.
//
// # Invariants
//
// A key cannot become part of a filter or name: it is escaped as RFC 4515 §3 and RFC 4514 §2.4 say.
// Lookups are made in lower case, as Postfix makes them. A Table is safe for concurrent use; all
// lookups share one connection, which LDAP multiplexes. Each request takes at most "timeout" (10 s).
//
// # Errors
//
// Open: bad parameters. Lookup: when no server answers, or says anything but success; always
// temporary. A search base that does not exist finds nothing, as in Postfix. What special attributes
// name is searched for on the same servers; recursion_limit, and 10,000 searches in one lookup, bound it.
//
// # Known gaps
//
// bind = sasl and chase_referrals = yes are refused. tls_cipher_suite and tls_random_file have no
// effect, which is said: all suites of Go's TLS are strong.
package ldaptable
