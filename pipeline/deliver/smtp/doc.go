// Package smtp is the delivery agent that hands mail to other servers: smtp(8) and lmtp(8). It
// stands behind the transports smtp, relay and lmtp, one Agent with Options of its own for each.
//
//	a, err := smtp.New(options)      // from smtp.Defaults
//	results := a.Deliver(ctx, req)   // queue.Agent
//	a.Close()
//
// A delivery goes through the destinations of the nexthop, the hosts of each and their addresses,
// until every recipient is done: sent, or bounced by a server. What a server defers is tried with the
// next host, up to SessionLimit sessions; what no server took is deferred, or bounced if nobody
// ever will (a domain that does not exist or takes no mail, a loop).
//
// Connections are kept for a moment and used again, by anything that goes to the same address
// (cache). The conversation itself is core/smtpclient's, lookups are core/dns's.
//
// # Nexthop
//
//	domain[:port]          its mail exchangers by preference, or itself without any (RFC 5321 §5.1)
//	[host][:port]          a host, or an address, without MX lookup
//	unix:path              a unix socket (LMTP)
//	inet:host[:port]       a host (LMTP, which knows no MX)
//	a, b                   several of these, tried in order
//
// # Invariants
//
// There is one result per recipient, in order. Only a 2xx reply to the text makes one Sent. Only
// a server's 5xx, a definite "no" of the DNS, a loop, or a message that the server's extensions
// rule out makes one Bounced. Everything else, unknown failures above all, defers.
//
// A recipient that was sent or bounced is never tried again in the same delivery. One may get a
// message twice only if the connection broke while a server decided about the text.
//
// A server is judged by its certificates after the handshake and before anything else is said, when
// the policy of the destination asks for it; connections made under one policy serve no other one.
//
// An idle connection that turns out to be over before MAIL is answered is replaced by a new one, and
// counts for nothing. Authenticated connections serve their own nexthop only; a connection to a
// host that is not the best of its domain is not found again by the domain's name.
//
// Everything that waits has a time limit, and ends when its context does.
//
// # Errors
//
// A Result says in Reply.Text what Postfix would log in parentheses ("host mx[192.0.2.1] said: 550
// … (in reply to RCPT TO command)"); for Sent, Reply is the server's own. RemoteMTA is set when a
// server decided. Cause is for the log. DeadSite is set when no server was ready to take mail.
//
// # Known gaps
//
// SRV lookups and the workarounds for PIX firewalls do not exist. A TLSA record "2 1" counts only when the server sends the authority's certificate.
// SCRAM does not bind itself to the TLS connection.
package smtp
