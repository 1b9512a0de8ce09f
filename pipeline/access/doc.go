// Package access decides whether a client may do what it asks: the smtpd_*_restrictions lists.
//
// Compile reads a list of restrictions into a List; Eval asks them in order. The first that
// permits or refuses ends the list; a list that ends without either permits nothing and refuses
// nothing (Dunno).
//
// # Invariants
//
// A lookup or DNS failure is temporary (450 or 451), never a permit and never a 5xx. A
// restriction that is not known is a configuration error: it is reported when the list is
// compiled, and everything that reaches it is answered 451 4.3.5, so that a misspelt reject does
// not open the door.
//
// # Errors
//
// A refusal is a *status.Error whose Rule is the restriction that decided.
//
// # Known gaps
//
// Tables (check_*_access), policy services, DNS block lists and address verification are not
// known yet; mtad check names them where they are configured.
package access
