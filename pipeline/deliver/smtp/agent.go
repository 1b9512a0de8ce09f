package smtp

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/mtad/mtad/core/smtpclient"
	"github.com/mtad/mtad/queue"
)

// Agent is the delivery agent behind the transports smtp, relay and lmtp. Safe for concurrent use.
type Agent struct {
	o        Options
	client   smtpclient.Options
	tls      *tls.Config
	plain    *policy // what holds for everybody; nil when that depends on the destination
	own      ours
	fallback []hop
	cache    cache
	refusals refusals
}

var _ queue.Agent = (*Agent)(nil)

// New returns an agent. It fails when the options contradict each other or ask for what the
// agent cannot do. Call Close when the last delivery has ended.
func New(o Options) (*Agent, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("smtp.New: %w", err)
	}
	a := &Agent{o: o, tls: o.TLS.config(), own: newOurs(&o)}
	if s := o.TLS.ServerName; o.TLS.shared() && s != "hostname" && s != "nexthop" {
		a.plain = &policy{level: o.TLS.Level, versions: o.TLS.Must, sni: s, roots: o.TLS.Roots}
		if o.TLS.Level == levelMay {
			a.plain.versions = o.TLS.May
		}
	}
	a.client = smtpclient.Options{
		Helo: o.Helo, LMTP: o.LMTP, HELOOnly: o.HELOOnly, EHLOIfOffered: o.EHLOIfOffered,
		Discard: o.Discard, LineLimit: o.LineLimit, Timeouts: o.Timeouts,
	}
	if o.Trouble != nil {
		a.client.Transcript = transcriptBytes
	}
	if l := o.TLS.Level; (l == levelDANE || l == levelDANEOnly) && !o.TLS.DNSSEC {
		o.Log.Warning("smtp_tls_security_level = " + l + " with dnssec lookups disabled (smtp_dns_support_level)")
	}
	if len(o.Replies) > 0 {
		a.client.Filter = a.filterReply
	}
	for _, f := range o.FallbackRelay {
		hops, err := parseNexthop(f, o.LMTP, o.Port)
		if err != nil {
			return nil, fmt.Errorf("smtp.New: smtp_fallback_relay: %w", err)
		}
		a.fallback = append(a.fallback, hops...)
	}
	a.cache.ttl, a.cache.reuse, a.cache.most, a.cache.uses = o.IdleTime, o.ReuseTime, o.MaxIdle, o.ReuseCount
	return a, nil
}

// filterReply is smtp_reply_filter. Its tables have the time of a connection.
func (a *Agent) filterReply(line []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), a.o.ConnectTimeout)
	defer cancel()
	v, found, err := a.o.Replies.Lookup(ctx, string(line))
	if err != nil || !found {
		return line, err
	}
	return []byte(v), nil
}

// Close ends the idle connections; deliveries that still run end theirs.
func (a *Agent) Close() { a.cache.close() }

// Deliver hands a message to the next hop. When ctx ends, connections are closed at once and the
// recipients that are not done are deferred; what the server had already taken may be sent again.
func (a *Agent) Deliver(ctx context.Context, req *queue.Request) []queue.Result {
	d := delivery{a: a, req: req, begun: time.Now(), results: make([]queue.Result, len(req.Recipients))}
	d.left = len(req.Recipients)
	d.run(ctx)
	d.close()
	return d.results
}
