package sqltable

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/table/query"
)

const (
	askTimeout = 10 * time.Second
	maxConns   = 8
	// idleTime is how long a connection is kept that nobody uses (idle_interval); downTime how long a
	// host that failed is left alone while there are others (retry_interval).
	idleTime = time.Minute
	downTime = time.Minute
)

// Table is a table in a database.
type Table struct {
	rules *query.Rules
	query bound
	hosts []*host
	// retry is how long a host that failed is left alone while there are others.
	retry time.Duration
	// rows: an answer without a result set is an error (require_result_set).
	rows bool
}

// host is a server, or the file of sqlite.
type host struct {
	name  string
	local bool
	db    *sql.DB
	// down is when it failed last, Unix time in ns.
	down atomic.Int64
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

// Open opens the table of a kind (sqlite, mysql or pgsql) that a configuration file describes.
func Open(kind, name string, o Options) (*Table, error) {
	p, err := query.Load(name, o.Parameter)
	if err != nil {
		return nil, err
	}
	rules, err := query.NewRules(p, o.Open)
	if err != nil {
		return nil, err
	}
	t := &Table{rules: rules}
	d, hosts := dialects()[kind], map[string]func(*query.Params) ([]*host, error){
		"sqlite": sqliteHosts, "mysql": mysqlHosts, "pgsql": pgsqlHosts,
	}[kind]
	if hosts == nil {
		return nil, fmt.Errorf("%s: no such kind of database", kind)
	}
	if t.query, err = d.bind(queryText(kind, p)); err != nil {
		return nil, fmt.Errorf("%s: query: %w", name, err)
	}
	if t.hosts, err = hosts(p); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := t.tune(p); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	if o.Warn != nil {
		for _, unused := range p.Unused() {
			o.Warn(fmt.Sprintf("%s: parameter %s has no effect", name, unused))
		}
	}
	return t, nil
}

// tune reads what is about connections and answers.
func (t *Table) tune(p *query.Params) (err error) {
	idle, err := p.Seconds("idle_interval", idleTime)
	if err != nil {
		return err
	}
	if t.retry, err = p.Seconds("retry_interval", downTime); err != nil {
		return err
	}
	if t.rows, err = p.Bool("require_result_set", true); err != nil {
		return err
	}
	for _, h := range t.hosts {
		h.db.SetMaxOpenConns(maxConns)
		h.db.SetMaxIdleConns(maxConns)
		h.db.SetConnMaxIdleTime(idle)
	}
	return nil
}

func dialects() map[string]dialect {
	question := func(int) string { return "?" }
	return map[string]dialect{
		"sqlite": {param: question},
		"mysql":  {double: true, backslash: true, param: question},
		"pgsql":  {param: func(n int) string { return fmt.Sprintf("$%d", n) }},
	}
}

// queryText is the query, or the one that the older parameters make.
func queryText(kind string, p *query.Params) string {
	if p.Has("query") {
		return p.String("query", "")
	}
	if kind == "pgsql" && p.Has("select_function") {
		return "SELECT " + p.String("select_function", "") + "('%s')"
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s = '%%s' %s", p.String("select_field", ""), p.String("table", ""),
		p.String("where_field", ""), p.String("additional_conditions", ""))
}

// Lookup asks one host after the other until one answers.
func (t *Table) Lookup(ctx context.Context, key string) (string, bool, error) {
	key = strings.ToLower(key)
	// A key that is no text is in no database: they refuse such strings.
	if !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return "", false, nil
	}
	if ok, err := t.rules.Allows(ctx, key); !ok || err != nil {
		return "", false, err
	}
	args, ok := t.query.fill(key)
	if !ok {
		return "", false, nil
	}
	var errs []error
	for _, h := range t.order() {
		text, found, err := t.ask(ctx, h, key, args)
		if err == nil || errors.Is(err, query.ErrLimit) || ctx.Err() != nil {
			return text, found, err
		}
		h.down.Store(time.Now().UnixNano())
		errs = append(errs, fmt.Errorf("%s: %w", h.name, err))
	}
	return "", false, errors.Join(errs...)
}

// order returns the hosts in the order in which they are asked: those on this machine first,
// else by chance; those that failed a short time ago last.
func (t *Table) order() []*host {
	if len(t.hosts) == 1 {
		return t.hosts
	}
	hosts := slices.Clone(t.hosts)
	rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	limit := time.Now().Add(-t.retry).UnixNano()
	rank := func(h *host) int {
		switch {
		case h.down.Load() > limit:
			return 2
		case h.local:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(hosts, func(a, b *host) int { return rank(a) - rank(b) })
	return hosts
}

// ask asks one host and collects all columns of all rows.
func (t *Table) ask(ctx context.Context, h *host, key string, args []any) (text string, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	rows, err := h.db.QueryContext(ctx, t.query.sql, args...)
	if err != nil {
		return "", false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return "", false, err
	}
	if len(names) == 0 && t.rows {
		return "", false, errors.New("the query gave no result set (require_result_set)")
	}
	columns := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range columns {
		into[i] = &columns[i]
	}
	results := t.rules.Results(key)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return "", false, err
		}
		for _, c := range columns {
			if err := results.Add(c.String); err != nil {
				return "", false, err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return "", false, err
	}
	text, found = results.Text()
	return text, found, nil
}

// Close closes all connections.
func (t *Table) Close() error {
	var errs []error
	for _, h := range t.hosts {
		errs = append(errs, h.db.Close())
	}
	return errors.Join(errs...)
}
