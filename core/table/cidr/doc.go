// Package cidr reads and asks tables of networks: Postfix's type cidr (cidr_table(5)).
//
// Parse reads a table, Table.Lookup asks it for an address. The first row that matches answers.
//
// # Format
//
//	network/length  result      address  result      !network/length  result
//	if network/length … endif   if !network/length … endif
//
// Addresses are IPv4 or IPv6; brackets around an IPv6 address are allowed. Blocks nest.
//
// # Invariants
//
// A Table is immutable and safe for concurrent use. Rows without "!" between two conditions are
// one sorted list of disjoint ranges, each with the first row that covers it: one binary search
// finds what a walk over the rows would find.
//
// # Errors
//
// Rows that are bad are left out and reported as Problems, as in Postfix. Lookup never fails; a
// key that is no address is not in the table.
package cidr
