// Package dovecottest runs a Dovecot auth service for tests: one of the test's own user, with users
// and passwords from a file, that serves nothing but its auth socket.
//
//	socket := dovecottest.Start(t, "alice@example.com:{PLAIN}secret")
//
// A test is skipped where Dovecot is not installed, and fails there when MTAD_DEMAND_PEERS is set.
package dovecottest
