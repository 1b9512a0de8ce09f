// Package netlist matches clients with the network lists of Postfix: mynetworks and its like.
//
// An element is a network in CIDR form (10.0.0.0/8, [2001:db8::]/32), an address, a table
// (`type:name`), a host name, or one of these after "!". Own computes the networks that
// mynetworks_style trusts when mynetworks is not set.
//
// # Invariants
//
// The first element that matches decides (postconf(5) mynetworks). An IPv4 address that arrives
// as IPv4-in-IPv6 counts as IPv4. A List is immutable and safe for concurrent use if its tables
// are. Without tables and names, Match neither fails nor allocates.
//
// # Errors
//
// New fails for a network with host bits set, an IPv6 address without brackets, what looks like
// an address but is none, and a table that cannot be opened; the error names the file and line of
// an element that stands in a file. Match fails only if a table could not be asked: that is
// temporary, never "not trusted".
package netlist
