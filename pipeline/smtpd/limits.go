package smtpd

import (
	"net/netip"
	"sync"
	"time"
)

// ClientLimits bounds what one client may do at a time (anvil in Postfix). IPv6 clients are
// counted by network (smtpd_client_ipv6_prefix_length). Safe for concurrent use.
type ClientLimits struct {
	// Connections is smtpd_client_connection_count_limit; Rate is
	// smtpd_client_connection_rate_limit per Unit (anvil_rate_time_unit). 0 is no limit.
	Connections, Rate int
	// Auths is smtpd_client_auth_rate_limit, Messages smtpd_client_message_rate_limit, Recipients
	// smtpd_client_recipient_rate_limit, NewTLS smtpd_client_new_tls_session_rate_limit, per Unit.
	Auths, Messages, Recipients, NewTLS int
	Unit                                time.Duration
	// IPv4Prefix and IPv6Prefix are the lengths of the networks that count as one client
	// (smtpd_client_ipv4_prefix_length, smtpd_client_ipv6_prefix_length); out of range: the
	// address alone, and 64.
	IPv4Prefix, IPv6Prefix int
	// Except says which clients are not limited (smtpd_client_event_limit_exceptions).
	Except func(netip.Addr) bool

	mu      sync.Mutex
	clients map[netip.Addr]*usage
	swept   time.Time
}

type usage struct {
	open   int
	count  int            // connections in this unit of time
	events [numEvents]int // what else came in it
	since  time.Time      // when the unit began
}

// maxClients bounds the table: beyond it, clients without connections are forgotten.
const maxClients = 100_000

// Enter counts a connection. excess is "" or the limit that the client is over, in the words of Postfix's
// log, and count how far; a connection that was refused is not counted as open.
func (l *ClientLimits) Enter(client netip.Addr, now time.Time) (excess string, count int) {
	if l == nil || l.Except != nil && l.Except(client) {
		return "", 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.usage(l.key(client), now)
	u.count++
	switch {
	case l.Connections > 0 && u.open >= l.Connections:
		return "Connection concurrency", u.open + 1
	case l.Rate > 0 && u.count > l.Rate:
		return "Connection rate", u.count
	}
	u.open++
	return "", 0
}

// event is what a client may do so often in a unit of time.
type event uint8

// The events: AUTH, MAIL and RCPT commands, and TLS sessions that were not resumed.
const (
	eventAuth event = iota
	eventMail
	eventRcpt
	eventNewTLS
	numEvents
)

// limit is how often an event may come, 0 for any number of times.
func (l *ClientLimits) limit(e event) int {
	return [numEvents]int{l.Auths, l.Messages, l.Recipients, l.NewTLS}[e]
}

// limited reports whether any of the limits of a unit of time is set.
func (l *ClientLimits) limited() bool {
	return l.Rate > 0 || l.Auths > 0 || l.Messages > 0 || l.Recipients > 0 || l.NewTLS > 0
}

// count adds events and returns how many there were in this unit of time; excess says that they are too
// many.
func (l *ClientLimits) count(e event, more int, client netip.Addr, now time.Time) (count int, excess bool) {
	if l == nil || l.limit(e) <= 0 || l.Except != nil && l.Except(client) {
		return 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.usage(l.key(client), now)
	u.events[e] += more
	return u.events[e], u.events[e] > l.limit(e)
}

// Leave ends what Enter counted.
func (l *ClientLimits) Leave(client netip.Addr, now time.Time) {
	if l == nil || l.Except != nil && l.Except(client) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	key := l.key(client)
	u := l.clients[key]
	if u == nil {
		return
	}
	if u.open--; u.open <= 0 && (!l.limited() || now.Sub(u.since) > l.Unit) {
		delete(l.clients, key)
	}
}

func (l *ClientLimits) key(client netip.Addr) netip.Addr {
	client = client.Unmap()
	bits := l.IPv4Prefix
	switch {
	case !client.Is6() && (bits <= 0 || bits > 32):
		return client
	case client.Is6():
		if bits = l.IPv6Prefix; bits <= 0 || bits > 128 {
			bits = 64
		}
	}
	p, err := client.WithZone("").Prefix(bits)
	if err != nil {
		return client
	}
	return p.Addr()
}

func (l *ClientLimits) usage(key netip.Addr, now time.Time) *usage {
	if l.clients == nil {
		l.clients = make(map[netip.Addr]*usage)
	}
	u := l.clients[key]
	if u == nil {
		l.sweep(now)
		u = &usage{since: now}
		l.clients[key] = u
	}
	if now.Sub(u.since) > l.Unit {
		u.count, u.events, u.since = 0, [numEvents]int{}, now
	}
	return u
}

// sweep forgets clients that are gone when the table is full or a unit of time has passed.
func (l *ClientLimits) sweep(now time.Time) {
	if len(l.clients) < maxClients && now.Sub(l.swept) < max(l.Unit, time.Minute) {
		return
	}
	l.swept = now
	for k, u := range l.clients {
		if u.open <= 0 && (now.Sub(u.since) > l.Unit || len(l.clients) >= maxClients) {
			delete(l.clients, k)
		}
	}
}
