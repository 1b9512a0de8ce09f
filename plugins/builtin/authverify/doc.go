// Package authverify is the built-in auth_verify: it checks SPF (RFC 7208), DKIM (RFC 6376) and
// DMARC (RFC 7489) of mail from strangers and writes what it found into an Authentication-Results
// field (RFC 8601) on top of the header.
//
// # Invariants
//
// Authentication-Results that claim to be ours are removed, unless the client is in mynetworks. Mail
// of mynetworks and of authenticated users is not checked, nor is mail that did not come by SMTP.
// What the DNS cannot say at the moment is temperror, never fail, and nobody is refused for it. The
// plugin only reports, unless the setting dmarc_policy asks for more. The body is read in blocks; no
// more than max_signatures signatures are verified, and none that is unreasonably long.
//
// # Errors
//
// New names the setting that is wrong. A message that cannot be read is a failure of the call.
//
// # Known gaps
//
// ARC (RFC 8617) is not looked at. No reports are sent.
package authverify
