package ldaptable

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/table/query"
)

// Table is a table in a directory.
type Table struct {
	rules        *query.Rules
	base, filter query.Template
	attributes   attributes
	depth        int // recursion_limit
	scope, deref int
	sizeLimit    int
	servers      []string // URLs, in the order in which they are tried
	timeout      time.Duration
	bind         bool
	dn, password string
	startTLS     bool
	tls          *tls.Config

	// mu guards conn, and makes one lookup connect for all.
	mu   sync.Mutex
	conn *ldap.Conn
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
	rules, err := query.NewRules(p, o.Open)
	if err != nil {
		return nil, err
	}
	t := &Table{rules: rules}
	if err := errors.Join(t.search(p), t.server(p), refuse(p)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if o.Warn != nil {
		for _, unused := range p.Unused() {
			o.Warn(fmt.Sprintf("%s: parameter %s has no effect", name, unused))
		}
	}
	return t, nil
}

// refuse names what would change results and is not built.
func refuse(p *query.Params) error {
	if chase, err := p.Bool("chase_referrals", false); err != nil || chase {
		return errors.Join(err, errors.New("chase_referrals = yes is not supported: name the servers that have the entries in server_host"))
	}
	switch v := p.String("version", "3"); v {
	case "2", "3": // 3 has all of 2
	default:
		return fmt.Errorf("version = %s: want 2 or 3", v)
	}
	return nil
}

// search reads what is asked.
func (t *Table) search(p *query.Params) (err error) {
	if t.base, err = query.ParseTemplate(p.String("search_base", "")); err != nil {
		return fmt.Errorf("search_base: %w", err)
	}
	filter := p.String("query_filter", "(mailacceptinggeneralid=%s)")
	if !strings.HasPrefix(filter, "(") {
		filter = "(" + filter + ")"
	}
	if t.filter, err = query.ParseTemplate(filter); err != nil {
		return fmt.Errorf("query_filter: %w", err)
	}
	if text, ok := t.filter.Expand("a@b.c.d.e.f.g.h.i.j", "a@b.c.d.e.f.g.h.i.j", ldap.EscapeFilter); ok {
		if _, err := ldap.CompileFilter(text); err != nil {
			return fmt.Errorf("query_filter: %w", err)
		}
	}
	t.attributes = readAttributes(p)
	if len(t.attributes.all()) == 0 {
		return errors.New("result_attribute: no attribute is asked for")
	}
	if t.depth, err = p.Int("recursion_limit", 1000); err != nil || t.depth == 0 {
		return errors.Join(err, errors.New("recursion_limit: want a number above 0"))
	}
	if t.scope = map[string]int{"sub": 3, "one": 2, "base": 1}[p.String("scope", "sub")] - 1; t.scope < 0 {
		return errors.New("scope: want sub, base or one")
	}
	if t.deref, err = p.Int("dereference", 0); err != nil || t.deref > 3 {
		return errors.Join(err, errors.New("dereference: want 0 to 3"))
	}
	t.sizeLimit, err = p.Int("size_limit", t.rules.Limit())
	return err
}

// server reads who is asked.
func (t *Table) server(p *query.Params) (err error) {
	port := p.String("server_port", "389")
	for _, s := range p.List("server_host", "localhost") {
		if !strings.Contains(s, "://") {
			if _, _, err := net.SplitHostPort(s); err != nil {
				s = net.JoinHostPort(strings.Trim(s, "[]"), port)
			}
			s = "ldap://" + s
		}
		if _, err := url.Parse(s); err != nil {
			return err
		}
		t.servers = append(t.servers, s)
	}
	if t.timeout, err = p.Seconds("timeout", 10*time.Second); err != nil {
		return err
	}
	switch how := strings.ToLower(p.String("bind", "yes")); how {
	case "yes", "true", "simple":
		t.bind = true
	case "no", "false", "none":
	case "sasl":
		return errors.New("bind = sasl is not supported: bind = simple sends bind_dn and bind_pw, over TLS with start_tls = yes or ldaps://")
	default:
		return fmt.Errorf("bind = %s: want yes, no, simple or none", how)
	}
	t.dn, t.password = p.String("bind_dn", ""), p.String("bind_pw", "")
	if t.startTLS, err = p.Bool("start_tls", false); err != nil {
		return err
	}
	return t.secure(p)
}

func (t *Table) secure(p *query.Params) error {
	verify, err := p.Bool("tls_require_cert", false)
	if err != nil {
		return err
	}
	t.tls = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !verify}
	if t.tls.RootCAs, err = query.Authorities(p.String("tls_ca_cert_file", ""), p.String("tls_ca_cert_dir", "")); err != nil {
		return err
	}
	cert, key := p.String("tls_cert", ""), p.String("tls_key", "")
	if cert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	t.tls.Certificates = []tls.Certificate{pair}
	return err
}

// Lookup asks the directory.
func (t *Table) Lookup(ctx context.Context, key string) (string, bool, error) {
	key = strings.ToLower(key)
	if !utf8.ValidString(key) {
		return "", false, nil // no value of a directory is such a string
	}
	if ok, err := t.rules.Allows(ctx, key); !ok || err != nil {
		return "", false, err
	}
	base, ok := t.base.Expand(key, key, ldap.EscapeDN)
	if !ok {
		return "", false, nil
	}
	filter, ok := t.filter.Expand(key, key, ldap.EscapeFilter)
	if !ok {
		return "", false, nil
	}
	e := expansion{t: t, ctx: ctx, results: t.rules.Results(key)}
	if err := e.search(base, t.scope, filter, t.attributes.all(), 0); err != nil {
		return "", false, err
	}
	text, found := e.results.Text()
	return text, found, nil
}

func (t *Table) request(base string, scope int, filter string, names []string) *ldap.SearchRequest {
	seconds := int((t.timeout + time.Second - 1) / time.Second)
	return ldap.NewSearchRequest(base, scope, t.deref, t.sizeLimit, seconds, false, filter, names, nil)
}

// ask searches over the shared connection; if that turns out to be dead, once more over a new one.
func (t *Table) ask(ctx context.Context, request *ldap.SearchRequest) (*ldap.SearchResult, error) {
	for again := true; ; again = false {
		conn, fresh, err := t.connect(ctx)
		if err != nil {
			return nil, err
		}
		result, err := conn.Search(request)
		if !ldap.IsErrorWithCode(err, ldap.ErrorNetwork) {
			return result, err
		}
		_ = conn.Close()
		if fresh || !again || ctx.Err() != nil {
			return nil, err
		}
	}
}

// connect returns the connection that is open, or opens one to the first server that answers.
func (t *Table) connect(ctx context.Context) (conn *ldap.Conn, fresh bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil && !t.conn.IsClosing() {
		return t.conn, false, nil
	}
	var errs []error
	for _, server := range t.servers {
		conn, err := t.dial(server)
		if err == nil {
			t.conn = conn
			return conn, true, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", server, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, false, errors.Join(append(errs, ctx.Err())...)
}

func (t *Table) dial(server string) (*ldap.Conn, error) {
	conn, err := ldap.DialURL(server, ldap.DialWithDialer(&net.Dialer{Timeout: t.timeout}), ldap.DialWithTLSConfig(t.tls))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(t.timeout)
	if t.startTLS {
		c := t.tls.Clone()
		if u, err := url.Parse(server); err == nil {
			c.ServerName = u.Hostname()
		}
		err = conn.StartTLS(c)
	}
	if err == nil && t.bind && t.dn != "" {
		err = conn.Bind(t.dn, t.password)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// Close closes the connection.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn == nil {
		return nil
	}
	return t.conn.Close()
}
