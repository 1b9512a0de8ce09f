package master

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/mtad/mtad/core/conf"
	"github.com/mtad/mtad/core/conf/domainlist"
	"github.com/mtad/mtad/core/maillog"
	"github.com/mtad/mtad/core/sasl"
	"github.com/mtad/mtad/core/sasl/dovecot"
	"github.com/mtad/mtad/pipeline/smtpd"
)

// authenticate sets what smtpd_sasl_… says, if the service authenticates its clients.
func (g *generation) authenticate(c *conf.Config, o *smtpd.Options, log *maillog.Service) error {
	if !c.Bool("smtpd_sasl_auth_enable") {
		return nil
	}
	except, err := c.Networks("smtpd_sasl_exceptions_networks", g.opener(c))
	if err != nil {
		return err
	}
	o.NoAuthFor = func(a netip.Addr) bool { ok, err := except.Match(g0, a); return ok && err == nil }
	o.AuthEquals = c.Bool("broken_sasl_auth_clients")
	// Where TLS is demanded nothing comes before it anyway.
	o.AuthTLSOnly = c.Bool("smtpd_tls_auth_only") || c.TLSLevel("smtpd") == "encrypt"
	a := &smtpd.SASL{Service: c.String("smtpd_sasl_service"), Log: log}
	if a.Plain, err = sasl.ParseSecurity(c.List("smtpd_sasl_security_options")); err != nil {
		return fmt.Errorf("smtpd_sasl_security_options: %w", err)
	}
	if a.Secured, err = sasl.ParseSecurity(c.List("smtpd_sasl_tls_security_options")); err != nil {
		return fmt.Errorf("smtpd_sasl_tls_security_options: %w", err)
	}
	if a.Filter, err = g.mechanismFilter(c, "smtpd_sasl_mechanism_filter"); err != nil {
		return err
	}
	if a.Server, err = g.saslServer(c, log); err != nil {
		return err
	}
	o.Auth = a
	return nil
}

// mechanismFilter is a match list of mechanisms. A table that cannot be asked lets none pass.
func (g *generation) mechanismFilter(c *conf.Config, name string) (func(string) bool, error) {
	l, err := domainlist.New(c.Items(name), domainlist.None, g.opener(c))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return func(mechanism string) bool {
		ok, err := l.Match(g0, mechanism)
		return ok && err == nil
	}, nil
}

// saslServer is what smtpd_sasl_type and smtpd_sasl_path name: one for all services that name it.
func (g *generation) saslServer(c *conf.Config, log *maillog.Service) (sasl.Server, error) {
	kind, path := c.String("smtpd_sasl_type"), c.String("smtpd_sasl_path")
	key := strings.Join([]string{kind, path, c.String("smtpd_sasl_service"), c.String("smtpd_sasl_local_domain"), c.String("smtpd_sasl_passwd_mechanisms")}, " ")
	if s := g.logins[key]; s != nil {
		return s, nil
	}
	s, err := g.newSASLServer(c, kind, path)
	if err != nil {
		// As in Postfix the service runs; nobody can log in, and is told to come again.
		err = fmt.Errorf("smtpd_sasl_type = %s: %w", kind, err)
		log.Warning(err.Error())
		return noLogin{err}, nil
	}
	if g.logins == nil {
		g.logins = map[string]sasl.Server{}
	}
	g.logins[key] = s
	return s, nil
}

func (g *generation) newSASLServer(c *conf.Config, kind, path string) (sasl.Server, error) {
	switch kind {
	case "dovecot":
		o := dovecot.Options{Name: path}
		if o.Network, o.Address = socketOf(path, c.String("queue_directory")); o.Network == "tcp" {
			if _, _, err := net.SplitHostPort(o.Address); err != nil {
				return nil, fmt.Errorf("smtpd_sasl_path: %w", err)
			}
		}
		client := dovecot.New(o)
		g.closers = append(g.closers, client.Close)
		return client, nil
	case "cyrus":
		return g.newSaslauthd(c, path)
	case "passwd":
		return g.newPasswd(c, path)
	}
	return nil, fmt.Errorf("there is no such type; use dovecot, cyrus or passwd")
}

// socketOf reads "inet:host:port", "unix:path" or a path, which is relative to dir.
func socketOf(name, dir string) (network, address string) {
	if address, ok := strings.CutPrefix(name, "inet:"); ok {
		return "tcp", address
	}
	name = strings.TrimPrefix(name, "unix:")
	if !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	return "unix", name
}

// noLogin is a SASL server that cannot be had.
type noLogin struct{ err error }

// Mechanisms says why there are none.
func (n noLogin) Mechanisms(context.Context) ([]sasl.Mechanism, error) { return nil, n.err }

// Begin is not called without mechanisms.
func (n noLogin) Begin(sasl.Peer, string) sasl.Exchange { return noExchange(n) }

type noExchange struct{ err error }

// Next fails.
func (n noExchange) Next(context.Context, []byte) ([]byte, bool, error) {
	return nil, false, &sasl.Failure{Temporary: true, Reason: "Connection lost to authentication server", Cause: n.err}
}

// User is nobody.
func (noExchange) User() string { return "" }

// Close does nothing.
func (noExchange) Close() {}
