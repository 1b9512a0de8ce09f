// Package dns asks the DNS what a mail system wants to know: where a domain's mail goes, which
// addresses a host has, what a client is called, what a policy record says.
//
//	r, err := dns.New(dns.Options{})           // the servers of /etc/resolv.conf
//	hosts, err := r.MX(ctx, "example.com")     // sorted by preference
//	addrs, err := r.Addrs(ctx, hosts[0].Host, dns.Both)
//
// A Resolver is a stub: it asks the configured recursive servers, over UDP with EDNS and over TCP
// when an answer does not fit, and remembers what they say for as long as they say it holds.
// Names are absolute unless Options.Search asks otherwise; UTF-8 names become A-labels before
// they are asked (RFC 5891 §4); every name that comes back is in lower case without the final
// dot. Names in localhost are loopback and are never asked (RFC 6761 §6.3).
//
// View gives another look at the same servers and the same cache: with a filter of records, other
// names to try, the system's own idea of hosts.
//
// NewNative has the same methods and leaves host lookups to the system (smtp_host_lookup=native,
// smtp_dns_support_level=disabled); it knows no MX.
//
// # Invariants
//
// Nothing is "not found" unless a server that is entitled to say so said so: NXDOMAIN, or an
// empty answer of an authoritative or recursive server. Silence, SERVFAIL, REFUSED, lame
// referrals, packets that do not parse and cancelled contexts are temporary.
//
// Host names of an MX or PTR result consist of letters, digits, "-", "_" and "."; control bytes,
// spaces and whatever else could deceive a log reader or a protocol peer never leave this package.
// (The text of TXT records is the exception: it is returned as it is, and is the caller's to clean.)
//
// Everything is bounded: time per try, tries, queries in flight, CNAME hops (10), records of an
// answer (100), bytes of the cache, bytes of the files that are read. The package starts no
// goroutine that outlives the call that started it, so there is nothing to close.
//
// # Errors
//
// Every error is an *Error; StatusOf gives what a caller branches on.
//
//	NXDomain, NoData   errors.Is(err, ErrNotFound)    the authoritative "no"
//	NullMX             errors.Is(err, ErrNullMX)      the domain takes no mail (RFC 7505)
//	BadName            errors.Is(err, ErrBadName)     the name cannot be in the DNS; not asked
//	BadAnswer          errors.Is(err, ErrBadAnswer)   there are records, none may be used
//	Disabled           errors.Is(err, ErrDisabled)    this resolver does no such lookup
//	Filtered                                          a filter of ours left no record
//	Failed                                            everything else; the only one that time heals
//
// Temporary is true for Failed, Disabled and Filtered alone. An Error made by a context that ended unwraps to
// that context's error.
package dns
