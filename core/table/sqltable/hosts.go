package sqltable

import (
	"crypto/tls"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/mtad/mtad/core/table/query"
)

// sqliteHosts opens the file dbpath for reading.
func sqliteHosts(p *query.Params) ([]*host, error) {
	path := p.String("dbpath", "")
	if path == "" {
		return nil, errors.New("dbpath is not set")
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro&_pragma=busy_timeout(5000)"}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, err
	}
	return []*host{{name: path, local: true, db: db}}, nil
}

// cutHost reads an element of "hosts": unix:path, inet:host:port or host:port.
func cutHost(s, port string) (network, address string) {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		return "unix", path
	}
	s = strings.TrimPrefix(s, "inet:")
	if _, _, err := net.SplitHostPort(s); err != nil {
		s = net.JoinHostPort(strings.Trim(s, "[]"), port)
	}
	return "tcp", s
}

func mysqlHosts(p *query.Params) ([]*host, error) {
	if p.Has("option_file") || p.Has("option_group") {
		return nil, errors.New("option_file and option_group are not supported: name hosts, user and password here")
	}
	secure, err := mysqlTLS(p)
	if err != nil {
		return nil, err
	}
	var hosts []*host
	for _, name := range p.List("hosts", "localhost") {
		c := mysql.NewConfig()
		c.User, c.Passwd, c.DBName = p.String("user", ""), p.String("password", ""), p.String("dbname", "")
		if c.Net, c.Addr = cutHost(name, "3306"); name == "localhost" {
			c.Net, c.Addr = "unix", "/run/mysqld/mysqld.sock" // what "localhost" means to MySQL's own library
		}
		c.Timeout, c.ReadTimeout, c.WriteTimeout = askTimeout, askTimeout, askTimeout
		// The driver puts parameters in as strings with the escapes that the server's mode wants:
		// one round trip instead of three.
		c.InterpolateParams = true
		if c.Net == "tcp" && secure != nil {
			c.TLS = secure.Clone()
			c.TLS.ServerName, _, _ = net.SplitHostPort(c.Addr)
		}
		if err := c.Apply(mysql.Charset(p.String("charset", "utf8mb4"), "")); err != nil {
			return nil, err
		}
		connector, err := mysql.NewConnector(c)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, &host{name: name, local: c.Net == "unix", db: sql.OpenDB(connector)})
	}
	return hosts, nil
}

// mysqlTLS reads the tls_ parameters; nil when none is set.
func mysqlTLS(p *query.Params) (*tls.Config, error) {
	ca, dir := p.String("tls_CAfile", ""), p.String("tls_CApath", "")
	cert, key := p.String("tls_cert_file", ""), p.String("tls_key_file", "")
	verify, err := p.Bool("tls_verify_cert", ca+dir != "")
	if err != nil || ca+dir+cert == "" && !verify {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: !verify}
	if c.RootCAs, err = query.Authorities(ca, dir); err != nil {
		return nil, err
	}
	if cert != "" {
		if key == "" {
			key = cert
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func pgsqlHosts(p *query.Params) ([]*host, error) {
	var hosts []*host
	for _, name := range p.List("hosts", "localhost") {
		c, local, err := pgsqlConfig(name, p)
		if err != nil {
			return nil, err
		}
		c.ConnectTimeout = askTimeout
		// Unnamed statements only: what stands between may be a pooler that knows no names.
		c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		c.RuntimeParams["client_encoding"] = p.String("encoding", "UTF8")
		hosts = append(hosts, &host{name: name, local: local, db: stdlib.OpenDB(*c)})
	}
	return hosts, nil
}

// pgsqlConfig reads an element of "hosts": a URI of PostgreSQL, or a host.
func pgsqlConfig(name string, p *query.Params) (*pgx.ConnConfig, bool, error) {
	if strings.HasPrefix(name, "postgresql://") || strings.HasPrefix(name, "postgres://") {
		c, err := pgx.ParseConfig(name)
		return c, false, err
	}
	network, address := cutHost(name, "5432")
	values := map[string]string{"user": p.String("user", ""), "password": p.String("password", ""), "dbname": p.String("dbname", "")}
	if network == "unix" {
		values["host"], values["port"] = socketOf(address)
	} else {
		values["host"], values["port"], _ = net.SplitHostPort(address)
	}
	var words []string
	for key, v := range values {
		if v != "" {
			words = append(words, key+"='"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v)+"'")
		}
	}
	c, err := pgx.ParseConfig(strings.Join(words, " "))
	return c, network == "unix", err
}

// socketOf takes a socket "DIR/.s.PGSQL.PORT" apart; a directory has the usual port.
func socketOf(path string) (dir, port string) {
	if i := strings.LastIndex(path, "/.s.PGSQL."); i >= 0 {
		return path[:i], path[i+len("/.s.PGSQL."):]
	}
	return path, "5432"
}
