package postscreen

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/mtad/mtad/core/maillog"
)

// Action is what becomes of a client that fails a test.
type Action string

// The actions of postconf(5).
const (
	Ignore  Action = "ignore"
	Enforce Action = "enforce"
	Drop    Action = "drop"
)

// Decision is what the access list says of a client.
type Decision int

// The decisions.
const (
	Dunno Decision = iota
	Permit
	Reject
)

// Site is a list in the DNS. Its weight counts for a client that is on it.
type Site struct {
	Domain string
	Weight int
	// Has asks whether a client is listed.
	Has func(ctx context.Context, client netip.Addr) (bool, error)
}

// Cache remembers when what a client has passed counts no more. It is asked by many goroutines.
type Cache interface {
	Get(client string) (value string, found bool)
	Set(client, value string, keep time.Duration)
}

// Options of a Listener. The names in brackets are postconf(5)'s, after postscreen_.
type Options struct {
	// Hostname is myhostname. Banner is the text of the greeting's first line (greet_banner),
	// "" for a greeting of one line.
	Hostname, Banner string
	// Upstream reads from a connection who its client is, and returns it with the client's addresses
	// (upstream_proxy_protocol). It keeps to a time of its own; an error ends the connection. nil: there
	// is no proxy.
	Upstream func(nc net.Conn) (net.Conn, error)
	// Access is access_list; an error is logged and decides nothing.
	Access func(ctx context.Context, client netip.Addr) (Decision, error)
	// What to do with clients that the access list rejects (denylist_action), that speak too
	// early (greet_action), and that are on lists (dnsbl_action).
	DenyAction, GreetAction, DNSBLAction Action
	// GreetWait is how long a client waits for the greeting's last line (greet_wait); GreetTTL
	// how long it counts that it did (greet_ttl).
	GreetWait, GreetTTL time.Duration
	// Sites are dnsbl_sites; clients whose weights add up to Threshold or more are listed
	// (dnsbl_threshold). DNSBLTTL is how long it counts that a client was not
	// (dnsbl_min_ttl), DNSBLTimeout how long the lists have to answer (dnsbl_timeout).
	Sites                  []Site
	Threshold              int
	DNSBLTTL, DNSBLTimeout time.Duration
	// AllowThreshold lets clients with this many points or fewer, below zero, pass without the
	// other tests (dnsbl_allowlist_threshold); 0: none.
	AllowThreshold int
	// ListName is the name that clients are told of a list (dnsbl_reply_map).
	ListName func(ctx context.Context, domain string) string
	// AllowAt says at which addresses of ours clients can pass (allowlist_interfaces); nil: at all.
	AllowAt func(server netip.Addr) bool
	// Deep are the tests after the greeting, and the built-in server that makes them.
	Deep Deep
	// Clients is how many may be under test at a time (pre_queue_limit); more are turned away.
	Clients int
	// Deadline bounds a session with a client that is refused at RCPT, per command
	// (command_time_limit).
	Deadline time.Duration
	Cache    Cache
	Log      *maillog.Service
	// Clock is time.Now unless set.
	Clock func() time.Time
}
