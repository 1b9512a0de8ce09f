package redistable

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/table/query"
)

const maxConns = 8

// Table is a table in a Redis server.
type Table struct {
	rules   *query.Rules
	key     query.Template
	client  *redis.Client
	timeout time.Duration
}

// Options of Open.
type Options struct {
	// Parameter looks parameters of main.cf up, for names that are no files; may be nil.
	Parameter func(name string) (string, bool)
	// Open opens tables that "domain" names; may be nil.
	Open domainlist.Opener
	// Warn is told of parameters that have no effect; may be nil.
	Warn func(text string)
}

// Open opens the table that a configuration file describes.
func Open(name string, o Options) (*Table, error) {
	p, err := query.Load(name, o.Parameter)
	if err != nil {
		return nil, err
	}
	t := &Table{}
	if t.rules, err = query.NewRules(p, o.Open); err != nil {
		return nil, err
	}
	if t.key, err = query.ParseTemplate(p.String("query", "%s")); err != nil {
		return nil, fmt.Errorf("%s: query: %w", name, err)
	}
	if t.timeout, err = p.Seconds("timeout", 10*time.Second); err != nil {
		return nil, err
	}
	r, err := server(p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if o.Warn != nil {
		for _, unused := range p.Unused() {
			o.Warn(fmt.Sprintf("%s: parameter %s has no effect", name, unused))
		}
	}
	r.DialTimeout, r.ReadTimeout, r.WriteTimeout = t.timeout, t.timeout, t.timeout
	t.client = redis.NewClient(r)
	return t, nil
}

// server reads who is asked.
func server(p *query.Params) (*redis.Options, error) {
	hosts := p.List("hosts", "localhost:6379")
	if len(hosts) != 1 {
		return nil, errors.New("hosts: want one")
	}
	r := &redis.Options{
		Network: "tcp", Addr: strings.TrimPrefix(hosts[0], "inet:"), Username: p.String("user", ""), Password: p.String("password", ""),
		PoolSize: maxConns, MaxRetries: 1, ConnMaxIdleTime: time.Minute, ContextTimeoutEnabled: true, DisableIdentity: true,
	}
	if path, ok := strings.CutPrefix(hosts[0], "unix:"); ok {
		r.Network, r.Addr = "unix", path
	} else if _, _, err := net.SplitHostPort(r.Addr); err != nil {
		r.Addr = net.JoinHostPort(strings.Trim(r.Addr, "[]"), "6379")
	}
	var err error
	if r.DB, err = p.Int("dbname", 0); err != nil {
		return nil, err
	}
	secure, err := p.Bool("tls", false)
	if secure {
		host, _, _ := net.SplitHostPort(r.Addr)
		r.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	}
	return r, err
}

// Lookup asks the server.
func (t *Table) Lookup(ctx context.Context, key string) (string, bool, error) {
	key = strings.ToLower(key)
	if ok, err := t.rules.Allows(ctx, key); !ok || err != nil {
		return "", false, err
	}
	name, ok := t.key.Expand(key, key, query.Plain)
	if !ok {
		return "", false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	value, err := t.client.Get(ctx, name).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	results := t.rules.Results(key)
	if err := results.Add(value); err != nil {
		return "", false, err
	}
	text, found := results.Text()
	return text, found, nil
}

// Close closes all connections.
func (t *Table) Close() error { return t.client.Close() }
