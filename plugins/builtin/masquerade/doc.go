// Package masquerade is the built-in masquerade: masquerade_domains as a plugin, at a place of its own
// in the chain. It hides the hosts below a domain.
//
// It is asked at the rewrite point, behind what the parameters of these names did already, and uses
// what they use: core/readdress.
//
// # Invariants
//
// Addresses of other classes than the configured ones are left alone.
//
// # Errors
//
// New names the setting that is wrong. A table of masquerade_exceptions that cannot be asked is tempfail.
package masquerade
