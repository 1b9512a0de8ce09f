package dns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Options configures a Resolver. The zero Options asks the servers of /etc/resolv.conf.
type Options struct {
	// Servers are the recursive servers to ask, in order: "192.0.2.1", "192.0.2.1:53",
	// "2001:db8::1" or "[2001:db8::1]:53". Empty: those of ResolvConf.
	Servers []string
	// ResolvConf is a file as in resolv.conf(5), read again when it changes; default
	// /etc/resolv.conf. A missing file means a server on 127.0.0.1, as resolv.conf(5) says.
	ResolvConf string
	// Timeout is how long one query may wait for its reply, up to 30 s. Default: the file's
	// "options timeout", or 5 s.
	Timeout time.Duration
	// Attempts is how often the list of servers is gone through, up to 5. Default: the file's
	// "options attempts", or 2.
	Attempts int
	// Search completes names with the file's search list and ndots, as ViewOptions' DefNames and
	// Search together do. Default: names are absolute.
	Search bool
	// Hosts is a file as in hosts(5) that Addrs and PTR consult before the DNS, read again when
	// it changes. Default: none (smtp_host_lookup=dns).
	Hosts string
	// DNSSEC asks for signatures too (the DO bit), for servers that validate only then, as
	// smtp_dns_support_level=dnssec does. The AD bit is asked for in any case (RFC 6840 §5.7).
	DNSSEC bool

	// Ignore says which records of an answer are left out, as if they were not there: record is "name ttl
	// IN TYPE value", with the preference before the value of MX (smtpd_dns_reply_filter). An error
	// makes the lookup fail. It is asked when an answer comes, not for one that is kept. Default:
	// none are.
	Ignore func(record string) (bool, error)

	// CacheBytes bounds the memory of the cache, about; default 8 MiB; negative: no cache.
	CacheBytes int
	// MinTTL is how long an answer is kept at least, whatever its TTL; default 0.
	MinTTL time.Duration
	// MaxTTL is how long an answer is kept at most; default 1 h.
	MaxTTL time.Duration
	// NegativeTTL is how long a "not found" is kept at most; its own time is the zone's
	// (RFC 2308 §5). Default 5 min; negative: not kept.
	NegativeTTL time.Duration
	// FailureTTL is how long a failure is kept (RFC 9520 §3.2 wants 1 s to 5 min); default
	// 1 s; negative: not kept. A call that its context ended is never kept.
	FailureTTL time.Duration

	// Parallel is how many queries may be on their way at once; default 256. Further ones wait
	// for their turn or for the end of their context.
	Parallel int
	// Dial opens the connection for one query; network is "udp" or "tcp", address one of
	// Servers. Each call must give a socket with a port of its own, picked at random, for that
	// is half of the protection against forged answers (RFC 5452 §9.2). Default: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

const (
	defaultResolvConf  = "/etc/resolv.conf"
	defaultCacheBytes  = 8 << 20
	defaultMaxTTL      = time.Hour
	defaultNegativeTTL = 5 * time.Minute
	defaultFailureTTL  = time.Second
	defaultParallel    = 256
	maxTimeout         = 30 * time.Second // resolv.conf(5): RES_MAXRETRANS
	maxAttempts        = 5                // resolv.conf(5): RES_MAXRETRY
)

// withDefaults returns o with every default filled in and Servers in "address:port" form.
func (o Options) withDefaults() (Options, error) {
	o.ResolvConf = or(o.ResolvConf, defaultResolvConf)
	o.CacheBytes = max(0, or(o.CacheBytes, defaultCacheBytes))
	o.MaxTTL = or(o.MaxTTL, defaultMaxTTL)
	o.NegativeTTL = max(0, or(o.NegativeTTL, defaultNegativeTTL))
	o.FailureTTL = max(0, or(o.FailureTTL, defaultFailureTTL))
	o.Parallel = or(o.Parallel, defaultParallel)
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Timeout < 0 || o.Attempts < 0 || o.Parallel < 0 || o.MinTTL < 0 || o.MaxTTL < o.MinTTL {
		return o, fmt.Errorf("dns: negative or contradictory limit in options")
	}
	servers := make([]string, 0, len(o.Servers))
	for _, s := range o.Servers {
		server, err := serverAddress(s)
		if err != nil {
			return o, err
		}
		servers = append(servers, server)
	}
	o.Servers = servers
	return o, nil
}

// serverAddress returns s, an address with or without port, in the form that Dial takes.
func serverAddress(s string) (string, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 53).String(), nil
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil || ap.Port() == 0 {
		return "", fmt.Errorf("dns: server %s is not an address with an optional port", strconv.Quote(s))
	}
	return ap.String(), nil
}

// or returns v, or def when v is zero.
func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
