// Package proxyproto reads what a proxy in front of a server says of the client: the PROXY protocol of
// HAProxy, versions 1 and 2 (its proxy-protocol.txt; postconf(5) smtpd_upstream_proxy_protocol).
//
//	c, err := proxyproto.Accept(nc, 5*time.Second)
//	c.RemoteAddr() // the client's, not the proxy's
//
// # Invariants
//
// Nothing is read beyond the header: what follows is the connection's. A header has a largest size,
// which is checked before anything is read for it. A connection whose header is missing, late or
// wrong is of no use: who asked for the protocol must not believe anybody who leaves it out.
//
// # Errors
//
// Errors are for the log. The connection is the caller's to close.
//
// # Format
//
// Version 1 is a line of at most 107 bytes: "PROXY TCP4 192.0.2.1 192.0.2.2 4711 25", or "PROXY UNKNOWN" and
// anything for connections of the proxy itself. Version 2 is binary: 12 bytes that no other
// protocol begins with, version and command, family, length, addresses, and extensions that are
// skipped.
package proxyproto
