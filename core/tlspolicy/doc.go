// Package tlspolicy says which TLS of a server is good enough: versions of the protocol as Postfix
// lists them, and certificates by authority and name, by fingerprint, or by TLSA records.
//
//	least, most, err := tlspolicy.Protocols([]string{">=TLSv1.2"})
//	err = tlspolicy.Trusted(chain, roots, time.Now())
//	_, ok := tlspolicy.Names{}.Find(chain[0], []string{"mx.example.com", ".example.com"})
//	order, err := tlspolicy.ParseMatching([]string{"sha512", "sha256"})
//	err = tlspolicy.DANE(chain, tlspolicy.Usable(records, order), names, tlspolicy.Names{}, time.Now())
//
// # Invariants
//
// Nothing here asks anybody: what is decided is a function of the arguments. Everything is safe for
// concurrent use, and a certificate that a stranger made cannot do worse than be refused.
//
// # Errors
//
// Errors are for the log: they say why a certificate is not good enough.
package tlspolicy
