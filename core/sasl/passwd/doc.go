// Package passwd is a SASL server with users and hashes of passwords in a lookup table, for a site
// that has neither Dovecot nor saslauthd (smtpd_sasl_type = passwd).
//
// The mechanisms are PLAIN and LOGIN, and SCRAM-SHA-256 (RFC 7677) where every user has keys for it.
//
// # Format
//
// The key is the user's name in lower case, the value a hash, perhaps with the name of its scheme in
// braces before it, as Dovecot writes it:
//
//	$2a$ $2b$ $2y$   bcrypt, up to cost 16
//	$argon2id$       Argon2id, up to 1 GiB
//	$5$ $6$          SHA-256 and SHA-512 of crypt(3)
//	{SCRAM-SHA-256}  iterations,salt,StoredKey,ServerKey, the last three in base64
//
// # Invariants
//
// A wrong password and a user that does not exist get the same answer after the same work: for
// nobody the hash of somebody who was asked for before is computed, and SCRAM has a salt that stays
// the same for a name. Hashes are compared in constant time, and no more of them are computed at once
// than there are processors.
//
// # Errors
//
// A table that cannot be asked, and a value that is no hash, are temporary *sasl.Failures.
package passwd
