// Package conftest makes configurations for tests: no environment, a fixed host name, fixed
// interfaces and no DNS, so that a test means the same on every machine.
//
//	c := conftest.Load(t, "smtpd_recipient_limit = 5")
//
// # Invariants
//
// A configuration that Load returns depends on nothing but the arguments. mynetworks_style host
// trusts 127.0.0.1, 192.0.2.1, ::1 and 2001:db8::1.
//
// # Errors
//
// What cannot be loaded ends the test.
package conftest
