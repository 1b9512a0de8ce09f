// Package domainlist matches domains with the match lists of Postfix: mydestination,
// relay_domains, virtual_mailbox_domains and the like.
//
// An element is a domain, a table (`type:name`, in which the domain is looked up as a key) or
// either after "!". What else an element matches depends on the list (Subdomains): nothing, or
// names below it, written ".example.com" or, for the lists that
// parent_domain_matches_subdomains names, "example.com".
//
// # Invariants
//
// The first element that matches decides (postconf(5)). Case does not matter. A List is immutable
// and safe for concurrent use if its tables are. A domain in lower case is matched without
// allocation unless tables are asked.
//
// # Errors
//
// New fails for a table that cannot be opened and a pattern that can match nothing. Match fails
// only if a table could not be asked: that is temporary, never "not in the list".
package domainlist
