package dns

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
)

// Resolver asks recursive servers and remembers what they said. Safe for concurrent use; its
// methods return when the lookup is done or ctx ends, and leave nothing behind.
type Resolver struct {
	opts  Options
	hosts *watched[*hostsFile] // nil without Options.Hosts
	view  ViewOptions
	*common
}

// common is what the views of a resolver share.
type common struct {
	builtin *resolvConf // what resolv.conf(5) says when the file says nothing
	conf    watched[*resolvConf]
	cache   *cache
	flights *flights
	slots   chan struct{} // one token per query on its way

	turn atomic.Uint32 // whose turn it is among the servers, with "options rotate"

	lookups, hits, shared, queries, failures atomic.Uint64
}

// New returns a resolver. The error is about the options: a server that is not an address, a
// negative limit. Files are read when the first lookup needs them.
func New(o Options) (*Resolver, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Resolver{opts: o, common: &common{builtin: parseResolvConf(nil), cache: newCache(o.CacheBytes),
		flights: newFlights(), slots: make(chan struct{}, o.Parallel)}}
	r.view = ViewOptions{DefNames: o.Search, Search: o.Search}
	r.conf = watched[*resolvConf]{path: o.ResolvConf, limit: maxResolvConf, parse: parseResolvConf}
	if o.Hosts != "" {
		r.hosts = &watched[*hostsFile]{path: o.Hosts, limit: maxHosts, parse: parseHosts}
	}
	return r, nil
}

// Stats counts what a Resolver did since New, and what its cache holds now.
type Stats struct {
	Lookups  uint64 // questions, aliases not counted
	Hits     uint64 // of these, answered by the cache
	Shared   uint64 // of these, answered by another caller's query
	Queries  uint64 // messages sent to servers
	Failures uint64 // questions that failed temporarily
	Entries  int    // in the cache
	Bytes    int    // of the cache, about
}

// Stats returns the counts at this moment.
func (r *Resolver) Stats() Stats {
	s := Stats{Lookups: r.lookups.Load(), Hits: r.hits.Load(), Shared: r.shared.Load(),
		Queries: r.queries.Load(), Failures: r.failures.Load()}
	s.Entries, s.Bytes = r.cache.size()
	return s
}

// Query returns the records of any data type for name. The Answer is the caller's to keep. Types
// that are not data (ANY, AXFR) are refused as BadName.
func (r *Resolver) Query(ctx context.Context, name string, t Type) (Answer, error) {
	if !isData(uint16(t)) {
		return Answer{}, &Error{Status: BadName, Name: name, Type: t, Cause: errNotData}
	}
	e, err := r.lookup(ctx, name, t)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Name: trimDot(e.name), Type: t, Secure: e.secure, TTL: max(0, time.Until(e.expires))}
	for _, rr := range e.records {
		a.Records = append(a.Records, dataOf(rr))
	}
	return a, nil
}

// lookup returns the entry for name as the caller wrote it. An error is always an *Error.
func (r *Resolver) lookup(ctx context.Context, name string, t Type) (*entry, error) {
	absolute, err := queryName(name)
	if err != nil {
		return nil, &Error{Status: BadName, Name: name, Type: t, Cause: err}
	}
	names := []string{absolute}
	if r.view.DefNames || r.view.Search {
		c, err := r.conf.get()
		if err != nil {
			return nil, &Error{Status: Failed, Name: trimDot(absolute), Type: t, Cause: err}
		}
		names = c.candidates(name, absolute, r.view.DefNames, r.view.Search)
	}
	var first *Error
	for _, candidate := range names {
		e := r.resolve(ctx, question{candidate, uint16(t)})
		if e.err == nil {
			return r.filtered(ctx, e)
		}
		// Only a "no" lets the search go on: after a failure nobody knows which name is meant.
		if StatusOf(e.err) != NXDomain && StatusOf(e.err) != NoData {
			return nil, e.err
		}
		if first == nil || e.err.Status == NoData && first.Status == NXDomain {
			first = e.err
		}
	}
	return nil, first
}

// resolve answers q from what is known without asking, from the cache, from another caller's query,
// or by a query of its own.
func (r *Resolver) resolve(ctx context.Context, q question) *entry {
	r.lookups.Add(1)
	if e := loopback(q); e != nil {
		return e
	}
	for {
		if e := r.cache.get(q); e != nil {
			r.hits.Add(1)
			return e
		}
		e, shared, err := r.flights.do(ctx, q, func() *entry { return r.ask(ctx, q) })
		if err != nil {
			r.failures.Add(1)
			return &entry{q: q, err: q.fail(Failed, "", err)}
		}
		if e == nil {
			continue // the pilot gave up; our own context has not ended
		}
		if shared {
			r.shared.Add(1)
		}
		if e.err != nil && e.err.Status == Failed {
			r.failures.Add(1)
		}
		return e
	}
}

// ask queries for q, follows aliases across messages, and keeps the outcome.
func (r *Resolver) ask(ctx context.Context, q question) *entry {
	whole := reading{name: q.name, ttl: maxTTL, keep: true}
	secure := true
	for {
		m, server, err := r.exchange(ctx, question{whole.name, q.qtype})
		if err != nil {
			return r.keepFailure(ctx, q, err)
		}
		part := read(m, whole.name, q.qtype, maxHops-whole.hops)
		if r.opts.Ignore != nil {
			part = part.without(r.opts.Ignore)
		}
		secure = secure && m.AuthenticatedData
		part.hops += whole.hops
		part.lowerTTL(whole.ttl)
		whole = part
		if !whole.open {
			return r.keep(q, whole, secure, server)
		}
	}
}

// keep turns a finished reading into an entry and puts it into the cache for as long as the answer
// and the options say.
func (r *Resolver) keep(q question, a reading, secure bool, server string) *entry {
	e := &entry{q: q, name: a.name, records: a.records, secure: secure}
	ttl := min(max(time.Duration(a.ttl)*time.Second, r.opts.MinTTL), r.opts.MaxTTL)
	switch a.status {
	case Found:
	case NXDomain, NoData:
		e.err = q.fail(a.status, server, a.cause)
		if ttl = min(ttl, r.opts.NegativeTTL); !a.keep {
			ttl = 0
		}
	default:
		e.err = q.fail(a.status, server, a.cause)
		ttl = r.opts.FailureTTL
	}
	e.expires = time.Now().Add(ttl)
	r.cache.put(e)
	return e
}

func (r *Resolver) keepFailure(ctx context.Context, q question, cause error) *entry {
	e := &entry{q: q, err: q.fail(Failed, "", cause)}
	if ctx.Err() == nil {
		e.expires = time.Now().Add(r.opts.FailureTTL)
		r.cache.put(e)
	}
	return e
}

// fail returns the Error for q.
func (q question) fail(s Status, server string, cause error) *Error {
	return &Error{Status: s, Name: strings.TrimSuffix(q.name, "."), Type: Type(q.qtype), Server: server, Cause: cause}
}
