// Package dkimsign is the built-in dkim_sign: it signs the mail of one's own users with DKIM
// (RFC 6376, RFC 8301, RFC 8463).
//
// The domain of the first address of From decides which keys sign; several may, as one of RSA and
// one of Ed25519. The signature goes on top of the header.
//
// # Invariants
//
// Only mail of local origin, of authenticated users and of clients in mynetworks is signed, and of
// these what the setting sign names. The body is read in blocks, once for all signatures. Key files
// are read when the plugin is loaded; one that others may read is refused.
//
// # Errors
//
// New names the setting or key file that is wrong. A table of keys that cannot be asked, or that
// names a key which cannot be used, refuses the message for now (451 4.7.0): mail that should be
// signed never leaves unsigned for a failure.
package dkimsign
