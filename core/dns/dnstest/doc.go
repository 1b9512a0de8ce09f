// Package dnstest is a DNS server for tests: it listens on a port of the loopback interface, over UDP
// and TCP, and answers from a few lines of zone text.
//
//	srv := dnstest.Start(t, `
//		example.test.     MX  10 mx.example.test.
//		mx.example.test.  A   192.0.2.25
//	`)
//	srv.Always("slow.test.", "MX", dnstest.Silence)
//	r := srv.Resolver()
//
// The server plays a recursive server that knows nothing but its zone: names that are not in it do
// not exist. It follows CNAMEs, expands wildcards (RFC 4592), truncates what does not fit into a
// UDP reply and sends an SOA with every "no". What a Step scripts for a question comes before that.
//
// # Format
//
// Zone text is master file format (RFC 1035 §5.1): "owner [TTL] [IN] TYPE data". Owners without final
// dot are taken as absolute all the same; TTL defaults to 300 s; lines may be indented, so an
// owner cannot be left out. An SOA record in the text replaces the built-in one, whose negative TTL
// is 60 s.
//
// # Invariants
//
// A server and everything it started has ended when the test that started it is over. Sockets are
// real: inside a testing/synctest bubble the server must have been started outside.
//
// # Errors
//
// Mistakes in zone text or scripts, and a loopback interface that cannot be listened on, end the test.
package dnstest
