// Package canonical is the built-in canonical: canonical_maps, sender_canonical_maps and
// recipient_canonical_maps (canonical(5)) as a plugin, at a place of its own in the chain.
//
// It is asked at the rewrite point, behind what the parameters of these names did already, and uses
// what they use: core/readdress.
//
// # Invariants
//
// Addresses of other classes than the configured ones are left alone, and so is one that would become
// an address that the host does not take.
//
// # Errors
//
// New names the setting that is wrong. A table that cannot be asked, and a loop, are tempfail.
package canonical
