// Package postfixtest asks an installed Postfix what it makes of a configuration, for tests that
// compare.
//
// # Invariants
//
// Without Postfix, and on a machine whose network interfaces are all down (which Postfix refuses),
// the test is skipped with one line that says what to do.
//
// # Errors
//
// A postconf that fails otherwise ends the test.
package postfixtest
