// Package rewrite is what trivial-rewrite is in Postfix, and the address maps of cleanup: it
// brings addresses to standard form, rewrites and expands them, and resolves a recipient to
// (transport, nexthop, recipient).
//
// # Order of operations
//
// An address comes to standard form first (Standard); then sender_canonical_maps or
// recipient_canonical_maps, canonical_maps and masquerading apply to it where its class says so
// (Sender, Recipient, Header); recipients are then copied (RecipientBCC) and expanded by
// virtual_alias_maps (Aliases). When mail is delivered, transport_maps and then relocated_maps
// decide over the route that the class of the address gives (Destination).
//
// The lookup order of keys, canonical mapping and masquerading are core/readdress's, which built-ins
// share.
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
// Everything is a function of the address, the envelope and the tables: a Rewriter keeps no
// state. A lookup that fails is an error, never "not found". In a header only the bytes of
// addresses that change are touched; a field that cannot be read stays as it came.
//
// # Errors
//
// 451 4.3.0 when a table could not be asked; 451 4.6.0 when an alias or canonical map exceeds a
// limit, as a loop does.
package rewrite
