// Package porttest gives tests TCP and UDP ports of the loopback interface that are theirs alone.
//
// A test that starts a server of its own configuration has to know the port before the server
// listens. To listen on port 0, to close and to use that number is a race: it is a port that the
// system gives to any client. Ports of this package lie below those (net.ipv4.ip_local_port_range
// begins at 32768 on Linux), and a lock on a file per port keeps other tests, of whichever process,
// from taking the same.
//
//	addr := porttest.Addr(t) // "127.0.0.1:12345"
//
// # Invariants
//
// Between Reserve and release no other caller on this machine gets the same port. When it was given
// out nobody listened on it.
//
// # Errors
//
// Reserve fails when the lock's directory cannot be made, or when none of a hundred ports is free.
package porttest
