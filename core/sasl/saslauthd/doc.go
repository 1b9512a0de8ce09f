// Package saslauthd asks the daemon of Cyrus SASL whether a password is right, for
// smtpd_sasl_type = cyrus.
//
// Of the library only its configuration file is read (ReadConfig): pwcheck_method must name
// saslauthd, as the plugins of the library that have passwords themselves (auxprop: sasldb, sql,
// ldapdb) are programs for its own process.
//
// # Invariants
//
// A connection is for one question; it has a deadline, and so has the answer.
//
// # Errors
//
// A daemon that cannot be asked is a temporary *sasl.Failure; "NO" is a failure.
//
// # Format
//
// The client sends user, password, service and realm, each with its length in two octets, high first,
// before it; the daemon answers with "OK" or "NO" and a reason, in the same form.
package saslauthd
