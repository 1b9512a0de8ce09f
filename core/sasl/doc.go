// Package sasl says what a SASL server (RFC 4422) is for the SMTP server: which mechanisms it has
// with which properties, and exchanges that end with a user or a Failure.
//
// The servers are in the packages below: dovecot asks a Dovecot auth service, passwd has users and
// their hashes in a table, saslauthd asks the Cyrus daemon. Plain and Login are the mechanisms for
// those that only know whether a password is right.
//
// # Invariants
//
// What a client sent, and what a server knows of passwords, is in no error and no log line.
//
// # Errors
//
// An exchange fails with a *Failure: what the client is told, and whether it may try again later.
// What could not be asked is temporary, never "wrong password".
package sasl
