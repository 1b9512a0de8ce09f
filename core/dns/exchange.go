package dns

import (
	"context"
	"errors"
	"fmt"
	"time"

	wire "github.com/miekg/dns"
)

// plan is whom to ask, how often and for how long.
type plan struct {
	servers  []string
	attempts int
	timeout  time.Duration
	first    int // index of the server to begin with
	useTCP   bool
}

// plan joins the options with what the file says at this moment.
func (r *Resolver) plan() (plan, error) {
	p := plan{servers: r.opts.Servers, attempts: r.opts.Attempts, timeout: r.opts.Timeout}
	c := r.builtin
	if len(p.servers) == 0 {
		var err error
		if c, err = r.conf.get(); err != nil {
			return p, err
		}
		p.servers = c.servers
	}
	p.attempts = min(or(p.attempts, c.attempts), maxAttempts)
	p.timeout = min(or(p.timeout, c.timeout), maxTimeout)
	p.useTCP = c.useTCP
	if c.rotate {
		p.first = int(r.turn.Add(1) % uint32(len(p.servers)))
	}
	return p, nil
}

// exchange asks the servers in turn until one gives an answer that can be believed. The error
// names the last failure; server is "" with it.
func (r *Resolver) exchange(ctx context.Context, q question) (m *wire.Msg, server string, err error) {
	p, err := r.plan()
	if err != nil {
		return nil, "", err
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	}
	for i := range p.attempts * len(p.servers) {
		server = p.servers[(p.first+i)%len(p.servers)]
		m, err = r.try(ctx, server, q, p)
		if err == nil {
			return m, server, nil
		}
		if ctx.Err() != nil {
			return nil, "", context.Cause(ctx)
		}
		err = fmt.Errorf("server %s: %w", server, err)
	}
	return nil, "", err
}

// try asks one server once: without EDNS if it does not understand EDNS (RFC 6891 §7), over TCP if
// the answer does not fit or others crowd our socket.
func (r *Resolver) try(ctx context.Context, server string, q question, p plan) (*wire.Msg, error) {
	network, edns := "udp", true
	if p.useTCP {
		network = "tcp"
	}
	m, err := r.converse(ctx, network, server, newQuery(q, edns, r.opts.DNSSEC), p.timeout)
	if err == nil && refusesEDNS(m) {
		edns = false
		m, err = r.converse(ctx, network, server, newQuery(q, edns, false), p.timeout)
	}
	if !p.useTCP && (err == nil && m.Truncated || errors.Is(err, errStrays)) {
		m, err = r.converse(ctx, "tcp", server, newQuery(q, edns, edns && r.opts.DNSSEC), p.timeout)
	}
	if err != nil {
		return nil, err
	}
	return m, checkReply(m)
}

func refusesEDNS(m *wire.Msg) bool {
	switch m.Rcode {
	case wire.RcodeFormatError, wire.RcodeNotImplemented, wire.RcodeBadVers:
		return true
	}
	return false
}
