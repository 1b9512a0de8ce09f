// Package access decides whether a client may do what it asks: the smtpd_*_restrictions lists.
//
// A Compiler reads a list of restrictions into a List; Eval asks them in order. The first that
// permits or refuses ends the list; a list that ends without either permits nothing and refuses
// nothing (Dunno). Tables and policy services answer with the actions of access(5), which may be
// restrictions again; what they ask for the message is gathered in Effects.
//
// Query carries what is known. The lists that decide together share one: a deferral that
// defer_if_permit leaves behind in the first of them comes out with Final after the last.
//
// # Invariants
//
// A lookup or DNS failure is temporary (450 or 451), never a permit and never a 5xx, but for two
// that Postfix passes over: a DNS list that does not answer lists nobody, and servers that cannot
// be found match no check_*_mx_access and the like. Both are there to name offenders; a list that
// is down must not stop all mail. A restriction that is not known is a configuration error: it is
// reported when the list is compiled, and everything that reaches it is answered 451 4.3.5, so that
// a misspelt reject does not open the door.
//
// What a stranger chooses (the names of mail exchangers, name servers and reverse DNS) may refuse
// but not permit. permit_dnswl_client never permits to relay.
//
// # Errors
//
// A refusal is a *status.Error whose Rule is the restriction that decided, table included.
//
// # Known gaps
//
// permit_tls_clientcerts and permit_tls_all_clientcerts permit nobody and are
// reported. check_ccert_access is not known. smtpd_etrn_restrictions are not asked, because there
// is no ETRN.
package access
