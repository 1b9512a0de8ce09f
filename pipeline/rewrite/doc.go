// Package rewrite is what trivial-rewrite is in Postfix: it brings addresses to standard form
// and resolves a recipient to (transport, nexthop, recipient).
//
// # Address classes
//
// The domain of a recipient decides its class, in this order: local (mydestination, or an
// address literal of ours), virtual alias, virtual mailbox, relay, and default for all other
// domains. The class decides whether mail for it is accepted from strangers and which transport
// delivers it.
//
// # Invariants
//
// Resolve is a function of the address, the envelope and the tables: it keeps no state. A lookup
// that fails is an error, never "not found".
//
// # Errors
//
// 451 4.3.0 when a table could not be asked.
//
// # Known gaps
//
// Canonical and virtual alias mapping, masquerading, transport_maps and relocated_maps are not
// here yet; mtad check reports their parameters as unsupported.
package rewrite
